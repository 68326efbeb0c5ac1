// SPDX-License-Identifier: Apache-2.0
//
// Objects to a static library: one object that defines the entry points and nothing else, in an
// archive with an index. What the objects share with each other (kernels, in a library of several
// units) is made local, so that a program can hold any number of generated libraries.
//
// Source of the format: System V's archives as `ar rcsD` of GNU binutils writes them.

import MixFuseShared

/// Makes a static library in memory.
///
/// - Parameters:
///   - objects: object files from `compile`, in the order in which they are laid out.
///   - name: the library's name, for its one member `NAME.o`.
///   - exports: the symbols that stay visible; the objects must define them.
///   - target: the machine that the objects are for.
///   - tools: where the linker and objcopy are.
/// - Returns: the bytes of the archive, which depend on the objects and names alone.
/// - Cost: two starts of programs, about 10 ms.
/// - Throws: `toolchain.link-failed`, `toolchain.tool-missing`, `toolchain.tool-result`.
package func makeStaticLibrary(
  _ objects: [CompiledUnit], name: String, exports: [String], for target: TargetDescription,
  tools: ExternalTools = ExternalTools()
) throws(ToolchainError) -> [UInt8] {
  let joined = try joinedObject(objects, for: target, tools: tools)
  let object = try keepingGlobal(exports, in: joined, for: target, tools: tools)
  return archive(object, memberName: "\(name).o", symbols: exports)
}

/// Several objects as one.
private func joinedObject(
  _ objects: [CompiledUnit], for target: TargetDescription, tools: ExternalTools
) throws(ToolchainError) -> [UInt8] {
  let linker = try tools.linker(for: target).linker
  var inputs: [MemoryFile] = []
  for object in objects { inputs.append(try MemoryFile(object.bytes)) }
  let output = try MemoryFile()
  let isBFD = linker.style == .bfd
  let arguments = ["-r", "-o", isBFD ? output.path : "-"] + inputs.map(\.path)
  let result = try runChild(linker.path, arguments, inherited: inputs + [output])
  guard result.status == 0 else {
    throw .linkFailed(linker: linker.path, output: result.messages)
  }
  return try checkedObject(isBFD ? output.bytes() : result.output, from: linker.path)
}

/// An object whose other symbols are local.
private func keepingGlobal(
  _ symbols: [String], in object: [UInt8], for target: TargetDescription, tools: ExternalTools
) throws(ToolchainError) -> [UInt8] {
  let objcopy = try tools.objcopy(foreign: target.foreignKind)
  let (input, output) = (try MemoryFile(object), try TemporaryObject())
  let arguments = symbols.map { "--keep-global-symbol=\($0)" } + [input.path, output.path]
  let result = try runChild(objcopy, arguments, inherited: [input])
  guard result.status == 0 else {
    throw .linkFailed(linker: objcopy, output: result.messages)
  }
  return try checkedObject(readRegularFile(output.path) ?? [], from: objcopy)
}

private func checkedObject(
  _ bytes: [UInt8], from tool: String
) throws(ToolchainError) -> [UInt8] {
  guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
    throw .toolResult(tool: tool, found: "\(bytes.count) bytes", expected: "an ELF object")
  }
  return bytes
}

/// An archive of one member, with the index by which linkers find its symbols.
private func archive(_ object: [UInt8], memberName: String, symbols: [String]) -> [UInt8] {
  // Names of more than 15 bytes stand in a member of their own.
  let isLong = memberName.utf8.count > 15
  let nameTable = isLong ? Array("\(memberName)/\n".utf8) : []
  let nameBytes = symbols.reduce(0) { $0 + $1.utf8.count + 1 }
  let indexBytes = 4 + 4 * symbols.count + nameBytes
  func padded(_ count: Int) -> Int { count + count % 2 }
  let start = 8 + 60 + padded(indexBytes) + (isLong ? 60 + padded(nameTable.count) : 0)

  var index = bigEndian(symbols.count)
  for _ in symbols { index += bigEndian(start) }
  for symbol in symbols { index += Array(symbol.utf8) + [0] }

  var bytes = Array("!<arch>\n".utf8)
  func add(_ header: String, _ contents: [UInt8]) {
    bytes += Array(header.utf8) + contents + (contents.count % 2 == 0 ? [] : [0x0a])
  }
  add(memberHeader("/", mode: 0, index.count), index)
  if isLong { add(memberHeader("//", mode: nil, nameTable.count), nameTable) }
  add(memberHeader(isLong ? "/0" : "\(memberName)/", mode: 0o644, object.count), object)
  return bytes
}

/// The 60 bytes before a member: no owner and no time, so that equal objects are equal archives.
private func memberHeader(_ name: String, mode: Int?, _ byteCount: Int) -> String {
  func field(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: width - text.utf8.count)
  }
  let zero = mode == nil ? "" : "0"
  return field(name, 16) + field(zero, 12) + field(zero, 6) + field(zero, 6)
    + field(mode.map { String($0, radix: 8) } ?? "", 8) + field(String(byteCount), 10) + "`\n"
}

private func bigEndian(_ number: Int) -> [UInt8] {
  [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
}
