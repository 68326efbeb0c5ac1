// SPDX-License-Identifier: Apache-2.0
//
// The two programs that are run rather than linked, and where they are found: clang (the C front
// end; its C++ interface has no stability across LLVM versions, so a process it stays) and a
// linker. A missing one is reported with the Debian package that brings it.

import CLLVM
import Glibc

/// Finds clang and a linker.
package struct ExternalTools: Sendable {
  /// Folders that are searched, in order.
  package let searchPath: [String]

  /// Debian's folder for LLVM 19, which is not on anybody's PATH.
  private static let debianFolder = "/usr/lib/llvm-19/bin"

  /// Searches `searchPath`; or the folder of this program, where a wheel has its tools, the folders of
  /// `PATH`, and then Debian's LLVM folder.
  package init(searchPath: [String]? = nil) {
    let fromEnvironment = (environmentVariable("PATH") ?? "").split(separator: ":").map(String.init)
    self.searchPath =
      searchPath ?? ExternalTools.ownFolder + fromEnvironment + [ExternalTools.debianFolder]
  }

  /// The folder of this program.
  private static let ownFolder: [String] = {
    guard let path = realpath("/proc/self/exe", nil) else { return [] }
    defer { free(path) }
    let parts = String(cString: path).split(separator: "/").dropLast()
    return ["/" + parts.joined(separator: "/")]
  }()

  /// Path of clang 19.
  ///
  /// - Throws: `toolchain.tool-missing`.
  func clang() throws(ToolchainError) -> String {
    guard let path = find("clang-19") else {
      throw .toolMissing(tool: "clang-19", package: "clang-19")
    }
    return path
  }

  /// Path of the linker: GNU ld, which starts in 4 ms, or else lld (24 ms).
  ///
  /// - Throws: `toolchain.tool-missing`.
  func linker() throws(ToolchainError) -> Linker {
    if let path = find("ld.bfd") { return Linker(path: path, style: .bfd) }
    if let path = find("ld.lld-19") { return Linker(path: path, style: .lld) }
    throw .toolMissing(tool: "a linker (ld.bfd or ld.lld-19)", package: "binutils")
  }

  /// The linker for a machine, and the folders in which it must be told to look for the C library.
  ///
  /// - Throws: `toolchain.tool-missing`.
  func linker(
    for target: TargetDescription
  ) throws(ToolchainError) -> (linker: Linker, folders: [String]) {
    guard let kind = target.foreignKind else {
      let linker = try linker()
      // lld has no folders of its own.
      return (linker, linker.style == .lld ? ExternalTools.systemFolders : [])
    }
    let binutils = "binutils-\(kind.replacing("_", with: "-"))"
    guard
      let linker = find("\(kind)-ld.bfd").map({ Linker(path: $0, style: .bfd) })
        ?? (find("ld.lld-19") ?? find("ld.lld")).map({ Linker(path: $0, style: .lld) })
    else { throw .toolMissing(tool: "\(kind)-ld.bfd", package: binutils) }
    let libraries = "/usr/\(kind)/lib"
    guard access("\(libraries)/libc.so.6", R_OK) == 0 else {
      let names = ["aarch64": "arm64", "x86_64": "amd64"]
      let name = names[String(kind.prefix { $0 != "-" })] ?? ""
      throw .toolMissing(tool: "\(libraries)/libc.so.6", package: "libc6-\(name)-cross")
    }
    return (linker, [libraries])
  }

  private static let systemFolders = [
    "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib",
  ]

  /// Path of objcopy, for static libraries.
  ///
  /// - Throws: `toolchain.tool-missing`.
  func objcopy(foreign kind: String?) throws(ToolchainError) -> String {
    guard let path = find((kind.map { $0 + "-" } ?? "") + "objcopy") ?? find("llvm-objcopy") else {
      throw .toolMissing(
        tool: "objcopy", package: kind == nil ? "binutils" : "llvm-19")
    }
    return path
  }

  /// What the bytes of a library depend on besides its C text and its options: for a cache key.
  ///
  /// LLVM's version, and path, size and modification time of both programs, which changes when
  /// the system upgrades them. Asking the programs for their version would cost 30 ms each.
  ///
  /// - Throws: `toolchain.tool-missing`.
  package func fingerprint() throws(ToolchainError) -> [String] {
    ["llvm \(llvmVersion())", describeFile(try clang()), describeFile(try linker().path)]
  }

  /// Path of a program: as it is if it has a folder, else in the folders that are searched.
  func path(of program: String) -> String? {
    guard program.contains("/") else { return find(program) }
    return access(program, X_OK) == 0 ? program : nil
  }

  private func find(_ name: String) -> String? {
    searchPath.lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  private func describeFile(_ path: String) -> String {
    var status = stat()
    guard stat(path, &status) == 0 else { return path }
    return "\(path) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
  }
}

/// A linker and the command-line dialect it speaks.
struct Linker {
  /// Which program it is.
  enum Style { case bfd, lld }

  /// Path of the executable.
  let path: String
  /// Its dialect.
  let style: Style
}

/// The version of the LLVM library in use, such as `19.1.7`.
package func llvmVersion() -> String {
  var major: UInt32 = 0
  var minor: UInt32 = 0
  var patch: UInt32 = 0
  LLVMGetVersion(&major, &minor, &patch)
  return "\(major).\(minor).\(patch)"
}
