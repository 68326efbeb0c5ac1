// SPDX-License-Identifier: Apache-2.0
//
// Can this machine run that library? Answered before any of its computing code runs, because the
// wrong answer is an illegal instruction in the middle of a call. First the file itself is looked
// at (is it a complete shared object for this architecture: the dynamic loader crashes on one that
// was cut off), then the instruction set extensions in the manifest.

internal import CMixFuseThreads

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Checks of a library against the machine it is to run on.
enum HostCheck {
  /// The architecture of this machine, as an LLVM triple begins with it.
  static var architecture: String { String(cString: mixfuse_host_architecture()) }

  /// Checks that a file can be given to the dynamic loader.
  ///
  /// - Errors: `fileUnreadable`; `libraryUnloadable` if it is no shared object, not a complete one,
  ///   or one for another architecture. On systems that do not use ELF everything is left to the
  ///   loader.
  static func checkFile(_ path: String) throws(RuntimeError) {
    let file = try InputFile(path: path)
    #if os(Linux)
      try checkELF(file)
    #endif
  }

  /// Checks the machine that a library was compiled for.
  ///
  /// On x86-64 every listed feature must be known and present. On other architectures the features
  /// of a machine are not examined; the architecture itself is.
  ///
  /// - Errors: `libraryUnloadable` for another architecture, `cpuFeaturesMissing` naming each one.
  static func check(_ target: Manifest.Target, path: String) throws(RuntimeError) {
    let built = String(target.triple.prefix { $0 != "-" })
    guard built == architecture else {
      throw .libraryUnloadable(
        path: path, reason: "it was built for \(built), this machine is \(architecture)")
    }
    #if arch(x86_64)
      let missing = target.features.filter { feature in
        let name = feature.hasPrefix("+") ? String(feature.dropFirst()) : feature
        return !feature.hasPrefix("-") && mixfuse_cpu_supports(name) != mixfuse_cpu_has
      }
      guard missing.isEmpty else {
        throw .cpuFeaturesMissing(path: path, cpu: target.cpu, features: missing)
      }
    #endif
  }

  /// The machine codes of ELF for the architectures that have a name here.
  private static let machineNames: [UInt64: String] = [3: "i386", 62: "x86_64", 183: "aarch64"]

  /// Source: the ELF-64 object file format, version 1.5, "File header" and "Program header table".
  private static func checkELF(_ file: InputFile) throws(RuntimeError) {
    let magic: [UInt8] = [0x7f] + Array("ELF".utf8)
    guard file.byteCount >= 64, try file.bytes(at: 0, count: 4, member: "") == magic else {
      throw .libraryUnloadable(path: file.path, reason: "it is not a shared library")
    }
    let header = try file.bytes(at: 0, count: 64, member: "")
    let machine = number(header, at: 18, byteCount: 2)
    guard header[4] == 2, machineNames[machine] == architecture else {
      let name = machineNames[machine] ?? "another architecture"
      throw .libraryUnloadable(
        path: file.path, reason: "it was built for \(name), this machine is \(architecture)")
    }
    let tableOffset = number(header, at: 32, byteCount: 8)
    let entryBytes = Int(number(header, at: 54, byteCount: 2))
    let entryCount = Int(number(header, at: 56, byteCount: 2))
    let fileBytes = UInt64(file.byteCount)
    let isCutOff = RuntimeError.libraryUnloadable(
      path: file.path, reason: "it is damaged or cut off at \(fileBytes) bytes")
    guard tableOffset <= fileBytes, entryBytes >= 56 else {
      throw isCutOff
    }
    guard UInt64(entryBytes * entryCount) <= fileBytes - tableOffset else {
      throw isCutOff
    }
    let table = try file.bytes(
      at: Int(tableOffset), count: entryBytes * entryCount, member: "")
    for start in stride(from: 0, to: table.count, by: entryBytes) {
      let offset = number(table, at: start + 8, byteCount: 8)
      let byteCount = number(table, at: start + 32, byteCount: 8)
      guard offset <= fileBytes, byteCount <= fileBytes - offset else {
        throw isCutOff
      }
    }
  }

  private static func number(_ bytes: [UInt8], at offset: Int, byteCount: Int) -> UInt64 {
    bytes[offset..<(offset + byteCount)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
