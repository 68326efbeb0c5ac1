// SPDX-License-Identifier: Apache-2.0
//
// Spec file to shared library on disk: the stages of `Compilation`, then check, compile, link, cache,
// write. The files are written all or none.

package import CEmission
import Diagnostics
package import Differentiation
package import MixFuseShared
import Scheduling
package import TensorIR
package import Toolchain

/// What a build produced.
public struct BuildResult: Sendable {
  /// The spec's name, which begins every symbol and file name (see `CNames` for exceptions).
  public let name: String
  /// Paths of the files written, in the order in which they were asked for: the library, header, C
  /// source, manifest and Swift binding unless told.
  public let files: [String]
  /// Whether the build cache already had the result.
  public let cameFromCache: Bool
  /// Path of the shared library, if that was asked for.
  public let library: String
}

extension Compilation {
  /// Builds the library into a folder, which is made if need be.
  ///
  /// - Parameters:
  ///   - folder: where the files go.
  ///   - cache: where finished builds are kept.
  ///   - files: what to write.
  /// - Cost: front end and planning 10 to 100 ms, LLVM most of a second; a few milliseconds if the
  ///   cache has it.
  package func build(
    into folder: String, cache: BuildCache? = Compilation.defaultCache,
    writing files: [BuildFile] = BuildFile.usual
  ) throws -> BuildResult {
    let problem = try problem()
    let target = try target()
    do {
      let text = try generatedText(of: problem, for: target)
      let key = try cacheKey(text, target)
      let cache = trusted(cache)
      let known = cache?.entry(for: key)
      let cached = known.flatMap { isWhole($0, files, text) ? $0 : nil }
      let name = text.library.interface.names.library
      let artifacts = try cached ?? artifacts(text, name, for: target, of: files)
      if cached == nil {
        // A cache that cannot be written is no reason to fail.
        try? cache?.store(artifacts.merging(known ?? [:]) { new, _ in new }, for: key)
      }
      return BuildResult(
        name: problem.name,
        files: try write(artifacts, name, text.manifest, files, into: folder),
        cameFromCache: cached != nil, library: "\(folder)/\(BuildFile.so.path(of: name))")
    } catch let error as ToolchainError {
      throw failure(error)
    } catch let error as FileFailure {
      throw failure(ToolchainError(error))
    }
  }

  /// The cache if its folder can be trusted; else the user is told why it is not used.
  private func trusted(_ cache: BuildCache?) -> BuildCache? {
    guard let warning = cache?.distrust else { return cache }
    diagnostics.report(warning, at: nil)
    return nil
  }

  /// Whether a build from the cache has all that this one would have.
  private func isWhole(
    _ entry: BuildCache.Entry, _ files: [BuildFile], _ text: GeneratedText
  ) -> Bool {
    let exports = text.manifest.exports
    return files.allSatisfy { $0.isDescription || entry[$0.cacheName]?.isEmpty == false }
      && sharedLibraryFault(entry[".so"] ?? [], exports: exports) == nil
  }

  package static var defaultCache: BuildCache? {
    BuildCache.standardFolder().map { BuildCache(folder: $0) }
  }

  /// What the generator wrote.
  package struct GeneratedText: Sendable {
    package var library: LibraryText
    package var manifest: Manifest
  }

  /// Generates the C, and the manifest as the generator sees it.
  ///
  /// - Parameters:
  ///   - entries: the entry points of the library.
  ///   - isProfiled: whether every kernel call is timed; see `emitLibrary`.
  package func generatedText(
    of problem: MetaProblem, for target: TargetDescription,
    entries: [EntryPoint] = EntryPoint.allCases, isProfiled: Bool = false
  ) throws -> GeneratedText {
    let programs = try programs(of: problem, on: target.machine, entries: entries)
    let library = emitLibrary(
      named: problem.name, dims: problem.dims, entryPoints: programs, banner: banner(problem),
      isProfiled: isProfiled)
    return GeneratedText(
      library: library, manifest: manifest(of: problem, programs, library, target))
  }

  /// The files of the library by suffix: `.so`, `.h`, `.c`, `.json`; `.a` and `.s` if they are among
  /// `files`.
  ///
  /// libclang checks the C and reads its interface back; the manifest that is written is the one
  /// that agrees with what it read.
  package func artifacts(
    _ text: GeneratedText, _ name: String, for target: TargetDescription,
    of files: [BuildFile] = BuildFile.usual
  ) throws -> BuildCache.Entry {
    let units = text.library.units(count: text.library.kernels.count < 8 ? 1 : 2)
    let sources = units.enumerated().map { CSource(name: "\(name)_\($0).c", text: $1) }
    let compiler = try options.cCompiler.map { try CCompiler($0) }
    let (checked, objects) = try sideBySide({
      try confirm(text, name, for: target, with: compiler)
    }) {
      try compile(sources, for: target, with: compiler)
    }
    let manifest = checked.manifest
    var entry = [
      ".so": try linkSharedLibrary(
        objects + checked.objects, name: "\(name).so", exports: manifest.exports, for: target),
      ".h": Array(text.library.header.utf8), ".c": Array(text.library.source.utf8),
      ".json": Array(checked.json.utf8),
    ]
    let manifestText = emitManifestSource(
      named: name, json: checked.json, isForStaticLinking: true)
    if files.contains(.a) {
      let source = CSource(name: "\(name)_manifest.c", text: manifestText)
      entry[".a"] = try makeStaticLibrary(
        objects + (try compile([source], for: target, with: compiler)), name: name,
        exports: manifest.staticExports(name), for: target)
    }
    if files.contains(.asm) {
      let source = CSource(name: "\(name).c", text: text.library.source + "\n" + manifestText)
      entry[".s"] = try compile([source], for: target, to: .assembly).first?.bytes
    }
    return entry
  }

  private func manifest(
    of problem: MetaProblem, _ programs: [Program], _ library: LibraryText,
    _ target: TargetDescription
  ) -> Manifest {
    Manifest(
      compiler: Compiler.version, name: problem.name, elementType: problem.dtype.elementType,
      dims: Dictionary(problem.dims.map { ($0.name, $0.value) }) { first, _ in first },
      digests: (library.interface.digest, library.interface.arraysDigest),
      seed: UInt64(problem.seed),
      options: options.summary,
      sourceDigest: ContentDigest(of: Array(library.source.utf8)).hex,
      target: .init(triple: target.triple, cpu: target.cpu, features: target.features),
      entryPoints: programs.map {
        Manifest.EntryPoint(
          $0, names: library.interface.names, usefulFlops: problem.usefulFlops(of: $0.name),
          initializers: problem.initializers)
      })
  }

  /// Everything that decides the bytes of the result: the text that is compiled, what the manifest
  /// says, the machine and the tools.
  private func cacheKey(
    _ text: GeneratedText, _ target: TargetDescription
  ) throws -> ContentDigest {
    ContentDigest(
      ofParts: [text.library.source, text.library.header, try text.manifest.json()]
        + target.fingerprint + (try ExternalTools().fingerprint())
        + (try options.cCompiler.map { try CCompiler($0).fingerprint() } ?? []))
  }

  private func write(
    _ artifacts: BuildCache.Entry, _ name: String, _ manifest: Manifest, _ files: [BuildFile],
    into folder: String
  ) throws -> [String] {
    let linkage: LibraryLinkage = files.contains(.a) ? .statically : .dynamically
    let contents = files.map { file in
      let bytes: [UInt8] =
        switch file {
        case .so, .a, .asm, .header, .c, .manifest: artifacts[file.cacheName] ?? []
        case .swift: Array(emitSwiftBinding(manifest).utf8)
        case .python: Array(emitPythonBinding(name, manifest).utf8)
        case .pc: Array(emitPkgConfig(name, manifest, linkage: linkage).utf8)
        case .cmake: Array(emitCMakeConfig(name, manifest, linkage: linkage).utf8)
        }
      return AtomicFile.Content(
        path: "\(folder)/\(file.path(of: name))", bytes: bytes, isExecutable: file == .so)
    }
    try createFolder(folder)
    for content in contents { try createFolder(split(content.path).folder) }
    try AtomicFile.write(contents)
    return contents.map(\.path)
  }
}

/// The manifest as the checked C confirms it, as text and compiled.
private struct ConfirmedManifest: Sendable {
  let manifest: Manifest
  let json: String
  let objects: [CompiledUnit]
}

/// Checks the C of a library, and compiles what that says about it.
private func confirm(
  _ text: Compilation.GeneratedText, _ name: String, for target: TargetDescription,
  with compiler: CCompiler?
) throws -> ConfirmedManifest {
  var manifest = text.manifest
  let interface = try checkC(source: text.library.source, name: "\(name).c", for: target)
  manifest.entryPoints = try manifest.entryPoints.map { try $0.confirmed(by: interface) }
  let json = try manifest.json()
  let source = CSource(
    name: "\(name)_manifest.c", text: emitManifestSource(named: name, json: json))
  return ConfirmedManifest(
    manifest: manifest, json: json, objects: try compile([source], for: target, with: compiler))
}

extension Manifest {
  /// The symbols that a library with this manifest defines for its callers.
  fileprivate var exports: [String] { entryPoints.map(\.symbol) + ["mixfuse_manifest"] }

  /// The symbols of a static library: all that its header declares.
  fileprivate func staticExports(_ library: String) -> [String] {
    entryPoints.flatMap { [$0.symbol, "\($0.symbol)_checked"] }
      + ["\(library)_abi_digest", "\(library)_manifest"]
  }
}
