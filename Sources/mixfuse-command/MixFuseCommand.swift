import ArgumentParser
@main struct MixFuseCommand: ParsableCommand { }
