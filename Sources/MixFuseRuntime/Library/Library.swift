// SPDX-License-Identifier: Apache-2.0
//
// Loading a generated library: look at the file, load it, read its manifest, and check everything
// that could make a call go wrong, so that a `Library` that exists can be called. Calling is
// Session's part.

internal import CMixFuseThreads

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A generated library, loaded and checked against this machine.
///
/// The same library may be loaded any number of times. A file that has been replaced while it is
/// loaded from the same path is *not* loaded again (the system returns what it has): give a new
/// build a new name.
public final class Library: Sendable {
  /// The path it was loaded from.
  public let path: String
  /// What the library says about itself.
  public let manifest: Manifest
  /// The manifest as the library holds it: JSON text.
  public let manifestText: String
  private let handle: Handle

  /// Loads a library.
  ///
  /// No code of the library that computes is run. If a file `NAME.json` lies beside `NAME.so`, it
  /// must be the manifest that the library holds, apart from white space at the end.
  ///
  /// - Errors: `fileUnreadable`, `libraryUnloadable`, `manifestABI`, `manifestMalformed`,
  ///   `manifestMismatch`, `cpuFeaturesMissing`.
  public init(path: String) throws(RuntimeError) {
    try HostCheck.checkFile(path)
    let handle = try Handle(path: path)
    let text = try Self.readManifest(handle, path: path)
    let manifest = try Manifest(text: text, path: path)
    try HostCheck.check(manifest.target, path: path)
    try Self.compareSidecar(text, path: path)
    for entryPoint in manifest.entryPoints where handle.symbol(entryPoint.symbol) == nil {
      throw .manifestMalformed(
        path: path, reason: "\(entryPoint.name): the library has no symbol \(entryPoint.symbol)")
    }
    self.path = path
    self.manifest = manifest
    manifestText = text
    self.handle = handle
  }

  /// Makes sure that the library is the one that a binding was generated with: that its arrays have
  /// the names, shapes and types that the binding knows.
  ///
  /// - Errors: `libraryOther`.
  public func require(spec: String, arraysDigest: String) throws(RuntimeError) {
    guard manifest.name == spec, manifest.arraysDigest == arraysDigest else {
      throw .libraryOther(path: path, expected: spec, found: manifest.name)
    }
  }

  /// The description of an entry point.
  ///
  /// - Errors: `entryPointUnknown` with the nearest existing name.
  public func entryPoint(_ name: String) throws(RuntimeError) -> Manifest.EntryPoint {
    guard let entryPoint = manifest.entryPoints.first(where: { $0.name == name }) else {
      let known = manifest.entryPoints.map(\.name)
      throw .entryPointUnknown(name: name, path: path, known: known)
    }
    return entryPoint
  }

  /// The address of a symbol beyond the calling convention, such as the table of a profiled build,
  /// or nil if there is none; valid as long as the object lives.
  package func address(of symbol: String) -> UnsafeMutableRawPointer? { handle.symbol(symbol) }

  /// The type of every entry point: inputs, outputs, arena, parallelism; see mixfuse_parallel.h.
  typealias Function =
    @convention(c) (
      UnsafePointer<UnsafeRawPointer?>, UnsafePointer<UnsafeMutableRawPointer?>,
      UnsafeMutableRawPointer, UnsafePointer<mixfuse_parallel>?
    ) -> Int32

  /// The code of an entry point; the library must be kept alive while it is called.
  func function(of entryPoint: Manifest.EntryPoint) throws(RuntimeError) -> Function {
    guard let symbol = handle.symbol(entryPoint.symbol) else {
      throw .manifestMalformed(path: path, reason: "no symbol \(entryPoint.symbol)")
    }
    return unsafeBitCast(symbol, to: Function.self)
  }

  /// A loaded object of the dynamic loader, unloaded when it is no longer used.
  private final class Handle: Sendable {
    // The loader's handles may be used from every thread.
    nonisolated(unsafe) private let handle: UnsafeMutableRawPointer

    init(path: String) throws(RuntimeError) {
      // Without a slash the loader would search its own folders instead.
      let located = path.contains("/") ? path : "./" + path
      guard let handle = dlopen(located, RTLD_NOW | RTLD_LOCAL) else {
        let reason = dlerror().map { String(cString: $0) } ?? "the loader gave no reason"
        throw .libraryUnloadable(path: path, reason: reason)
      }
      self.handle = handle
    }

    deinit {
      dlclose(handle)
    }

    func symbol(_ name: String) -> UnsafeMutableRawPointer? {
      dlsym(handle, name)
    }
  }

  /// The text that `mixfuse_manifest` returns: that function only returns an address, on any
  /// processor.
  private static func readManifest(
    _ handle: Handle, path: String
  ) throws(RuntimeError) -> String {
    guard let symbol = handle.symbol("mixfuse_manifest") else {
      throw .libraryUnloadable(
        path: path, reason: "it is not a MixFuse library: it has no symbol mixfuse_manifest")
    }
    typealias ManifestFunction = @convention(c) () -> UnsafePointer<CChar>?
    guard let text = unsafeBitCast(symbol, to: ManifestFunction.self)() else {
      throw .manifestMalformed(path: path, reason: "it is null")
    }
    return String(cString: text)
  }

  private static func compareSidecar(_ text: String, path: String) throws(RuntimeError) {
    guard let end = path.lastIndex(of: "."), !path[end...].contains("/") else {
      return
    }
    let sidecar = path[..<end] + ".json"
    guard access(String(sidecar), F_OK) == 0 else {
      return
    }
    let file = try InputFile(path: String(sidecar))
    // A file that is much longer need not be read to be another.
    let isPossible = file.byteCount <= text.utf8.count + 4096
    let bytes = try file.bytes(at: 0, count: isPossible ? file.byteCount : 0, member: "")
    guard trimmed(Array(text.utf8)) == trimmed(bytes) else {
      throw .manifestMismatch(path: path, sidecar: file.path)
    }
  }

  private static func trimmed(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
    let blanks: [UInt8] = [0x20, 0x09, 0x0a, 0x0d]
    let last = bytes.lastIndex { !blanks.contains($0) }
    return bytes[..<(last.map { $0 + 1 } ?? 0)]
  }
}
