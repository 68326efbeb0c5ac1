// SPDX-License-Identifier: Apache-2.0
//
// Output that cannot be written: every command notices a full disk and a closed stream, ends quietly
// when its reader has seen enough, and leaves files whole or as they were.

import Foundation
import MixFuseRuntime
import Testing

@Suite("output of commands")
struct OutputTests {
  /// Every command that prints, with what it needs; `LIBRARY` and `DATA` stand for files.
  static let commands: [[String]] = [
    ["build"] + Workplace.smallSinusoid + ["-o", "other"],
    ["plan"] + Workplace.smallSinusoid,
    ["plan"] + Workplace.smallSinusoid + ["--json"],
    ["run", "LIBRARY"],
    ["run", "LIBRARY", "--json"],
    ["dump"] + Workplace.smallSinusoid + ["--stage", "tokens"],
    ["verify"] + Workplace.smallSinusoid,
    ["sweep", Workplace.example("maml_sinusoid.mix")],
    ["train"] + Workplace.smallSinusoid
      + ["--data", "DATA", "--outer-steps", "2", "--out", "results", "--overwrite"],
    ["--help"], ["help", "train"], ["--version"], ["--generate-completion-script", "bash"],
  ]

  @Test("a full disk and a closed standard output are errors of every command", arguments: commands)
  func unwritableOutput(command: [String]) throws {
    let place = try TrainingPlace()
    let library = try place.workplace.buildSinusoid()
    let arguments = command.map { $0 == "LIBRARY" ? library : $0 == "DATA" ? "data.npz" : $0 }
    let full = try place.workplace.run(arguments, by: "exec \"$@\" > /dev/full")
    #expect(full.exitCode == 1)
    #expect(full.errors.contains("standard output: cannot be written: no space left on device"))
    let closed = try place.workplace.run(arguments, by: "exec \"$@\" >&-")
    #expect(closed.exitCode == 1)
    #expect(closed.errors.contains("standard output: cannot be written: bad file descriptor"))
    // Whatever was written is whole: the output did not go into a file.
    if command[0] == "train" {
      let state = try ArrayFile.read(place.file("results/checkpoint.npz"))
      #expect(state["training.step"] != nil)
    }
  }

  @Test("a reader that has seen enough ends a command quietly", arguments: commands.prefix(9))
  func brokenPipe(command: [String]) throws {
    let place = try TrainingPlace()
    let library = try place.workplace.buildSinusoid()
    let arguments = command.map { $0 == "LIBRARY" ? library : $0 == "DATA" ? "data.npz" : $0 }
    let result = try place.workplace.run(
      arguments, by: "\"$@\" | true; exit ${PIPESTATUS[0]}")
    // What fits into the pipe before its reader is gone is no failure.
    #expect([0, 141].contains(result.exitCode))
    #expect(!result.errors.contains("standard output"))
    let late = try place.workplace.run(
      arguments, by: "(sleep 0.5; exec \"$@\") | true; exit ${PIPESTATUS[0]}")
    #expect(late.exitCode == 141)
    #expect(!late.errors.contains("error"))
  }

  @Test("a full or closed standard error changes no exit code", arguments: ["/dev/full", "&-"])
  func unwritableErrors(target: String) throws {
    let place = try Workplace()
    #expect(try place.run(["build", "nothing.mix"], by: "exec \"$@\" 2>\(target)").exitCode == 1)
    #expect(try place.run(["--version"], by: "exec \"$@\" 2>\(target)").exitCode == 0)
    _ = try place.run(
      ["build"] + Workplace.smallSinusoid + ["-o", place.file("library")],
      by: "exec \"$@\" 0<&- 2>\(target)")
    #expect(place.names(in: "library").count == 5)
    #expect(try place.run("run", place.file("library/maml_sinusoid.so")).exitCode == 0)
  }

  @Test("a path that cannot be written is found out before the work")
  func earlyCheck() throws {
    let place = try Workplace()
    let library = try place.buildSinusoid()
    let commands = [
      ["run", library, "--repeat", "1000000000", "--outputs", place.file("nowhere/out.npz")],
      ["run", library, "--repeat", "1000000000", "--outputs", place.file("out.txt")],
      ["bench"] + Workplace.smallSinusoid + ["--ablation", "--svg", place.file("nowhere/a.svg")],
      ["sweep", Workplace.example("maml_sinusoid.mix"), "--csv", place.file("nowhere/a.csv")],
    ]
    for command in commands {
      let result = try place.run(command, by: "exec timeout 20 \"$@\"")
      #expect(result.exitCode == 1)
      #expect(result.errors.contains("cannot be written"))
      #expect(!result.errors.contains("measuring") && !result.errors.contains("planned"))
    }
    #expect(place.names() == ["errors", "library", "output"])
  }

  @Test("commands print through one place only")
  func onePlace() throws {
    let folder = "\(Workplace.root)/Sources/mixfuse-command"
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(files.count > 10)
    for file in files where file != "Output.swift" {
      let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
      #expect(
        !text.contains(/\bprint\(|FileHandle\.standard|\bfputs\(|\bputs\(|\bfflush\(/), "\(file)")
    }
  }

  @Test("a build that fails half-way leaves the old set", arguments: [".so", ".c", ".swift"])
  func mixedBuild(obstacle: String) throws {
    let place = try Workplace()
    _ = try place.buildSinusoid()
    let names = place.names(in: "library")
    // Another set of files, of which one cannot be placed.
    let blocked = "library/maml_sinusoid\(obstacle)"
    try FileManager.default.removeItem(atPath: place.file(blocked))
    try FileManager.default.createDirectory(
      atPath: place.file(blocked), withIntermediateDirectories: false)
    let before = try names.filter { !$0.hasSuffix(obstacle) }.map {
      try place.bytes("library/\($0)")
    }
    let result = try place.run(
      ["build"] + Workplace.smallSinusoid + ["--dtype", "f64", "-o", place.file("library")],
      by: "exec \"$@\"")
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("cannot write \(place.file(blocked)): is a directory"))
    #expect(place.names(in: "library") == names)
    let after = try names.filter { !$0.hasSuffix(obstacle) }.map {
      try place.bytes("library/\($0)")
    }
    #expect(after == before)
  }

  @Test(
    "a disk that is full at any point of a build leaves the old set", arguments: [1, 8, 24, 40])
  func fullDisk(blocks: Int) throws {
    let place = try Workplace()
    _ = try place.buildSinusoid()
    let names = place.names(in: "library")
    let before = try names.map { try place.bytes("library/\($0)") }
    let other = ["--dtype", "f64", "-o", place.file("library")]
    // Once without the limit, so that the cache has it and only the files themselves are written.
    _ = try place.run(
      ["build"] + Workplace.smallSinusoid + ["--dtype", "f64", "-o", place.file("warm")],
      by: "exec \"$@\"")
    let sizes = try place.names(in: "warm").map { try place.bytes("warm/\($0)").count }
    let result = try place.run(
      ["build"] + Workplace.smallSinusoid + other, by: "ulimit -f \(blocks / 2 + 1); exec \"$@\"")
    guard sizes.contains(where: { $0 > (blocks / 2 + 1) * 1024 }) else { return }
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("file too large"))
    #expect(place.names(in: "library") == names)
    #expect(try names.map { try place.bytes("library/\($0)") } == before)
  }

  @Test(
    "a build that is killed or asked to end leaves an old or a new set, and the next one cleans")
  func killedBuilds() throws {
    let place = try Workplace()
    _ = try place.buildSinusoid()
    let names = place.names(in: "library")
    let temporary = place.file("temporary")
    try FileManager.default.createDirectory(
      atPath: temporary, withIntermediateDirectories: true)
    for attempt in 0..<8 {
      let isPolite = attempt.isMultiple(of: 2)
      let command = attempt % 4 < 2 ? "build" : "verify"
      let flags = command == "build" ? ["-o", place.file("library")] : []
      let process = try place.start(
        [command] + Workplace.smallSinusoid + ["--no-cache", "--dtype", "f64"] + flags,
        environment: ["TMPDIR": temporary])
      usleep(UInt32.random(in: 1000...600_000))
      kill(
        process.processIdentifier, isPolite ? [SIGTERM, SIGINT, SIGHUP][attempt / 2 % 3] : SIGKILL)
      process.waitUntilExit()
      if isPolite {
        #expect(place.names(in: "library") == names)
        #expect(place.names(in: "temporary").allSatisfy { $0.hasPrefix("mixfuse-work-") })
      }
    }
    _ = try place.buildSinusoid()
    #expect(place.names(in: "library") == names)
    let verify = try place.start(
      ["verify"] + Workplace.smallSinusoid, environment: ["TMPDIR": temporary])
    verify.waitUntilExit()
    #expect(place.names(in: "temporary") == [])
  }

  @Test(
    "a build asked to end while it writes removes what it has begun", arguments: [SIGTERM, SIGINT])
  func politeEnd(signal: Int32) throws {
    let place = try Workplace()
    let temporary = place.file("temporary")
    try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
    let process = try place.start(
      ["verify", Workplace.example("mnist1d_lr.mix"), "--no-cache"],
      environment: ["TMPDIR": temporary])
    for _ in 0..<3000 where place.names(in: "temporary").isEmpty { usleep(10_000) }
    #expect(!place.names(in: "temporary").isEmpty)
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal)
    #expect(process.terminationStatus == signal)
    #expect(place.names(in: "temporary").isEmpty)
  }
}
