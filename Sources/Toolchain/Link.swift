// SPDX-License-Identifier: Apache-2.0
//
// Objects to a shared library. The linker is called directly (through clang it would cost 40 ms
// more) and reads and writes files in memory; only the finished library touches the disk, and it
// does so atomically. Its bytes depend on the objects and the library's name alone: no build id, no
// path, no time.

import Glibc
import MixFuseShared

/// Links objects into a shared library in memory.
///
/// - Parameters:
///   - objects: object files from `compile`, in the order in which they are laid out.
///   - name: file name that the library calls itself (its soname), such as `libmaml_sinusoid.so`.
///   - exports: symbols that the library must define.
///   - target: the machine that the objects are for; this one unless told.
///   - tools: where the linker is.
/// - Returns: the bytes of the library.
/// - Cost: 5 to 25 ms.
/// - Throws: `toolchain.link-failed`, also for a symbol that neither the objects nor libc
///   define, such as a function of libm; `toolchain.tool-result` for a linker that says nothing and leaves no such library;
///   `toolchain.tool-missing`.
package func linkSharedLibrary(
  _ objects: [CompiledUnit], name: String, exports: [String] = [],
  for target: TargetDescription = .host(), tools: ExternalTools = ExternalTools()
) throws(ToolchainError) -> [UInt8] {
  let (linker, folders) = try tools.linker(for: target)
  var inputs: [MemoryFile] = []
  for object in objects { inputs.append(try MemoryFile(object.bytes)) }
  let library = try MemoryFile()

  var arguments = ["-shared", "--build-id=none", "--no-undefined", "-z", "noexecstack"]
  arguments += ["-soname", name] + inputs.map(\.path)
  arguments += ["--as-needed", "-l:libc.so.6"] + folders.map { "-L\($0)" }
  switch linker.style {
  case .bfd:
    arguments += ["-o", library.path]
  case .lld:
    // lld renames a temporary file over its output, which a file in memory does not allow.
    arguments += ["-o", "-"]
  }
  let result = try runChild(linker.path, arguments, inherited: inputs + [library])
  guard result.status == 0 else {
    throw .linkFailed(linker: linker.path, output: readable(result.messages, objects, inputs))
  }
  let bytes = linker.style == .bfd ? library.bytes() : result.output
  if let fault = sharedLibraryFault(bytes, exports: exports) {
    throw .toolResult(tool: linker.path, found: fault, expected: "the shared library")
  }
  return bytes
}

/// Links objects into a shared library on disk; the library's soname is the file's name.
///
/// - Parameters:
///   - objects: object files from `compile`.
///   - path: where the library goes; its folder must exist.
///   - tools: where the linker is.
/// - Throws: those of `linkSharedLibrary(_:name:tools:)`, and `toolchain.file-unwritable`; the old
///   file, if any, is then unchanged and nothing else is left in its folder.
package func linkSharedLibrary(
  _ objects: [CompiledUnit], to path: String, tools: ExternalTools = ExternalTools()
) throws(ToolchainError) {
  let name = path.split(separator: "/").last.map(String.init) ?? path
  let library = try linkSharedLibrary(objects, name: name, tools: tools)
  let file = AtomicFile.Content(path: path, bytes: library, isExecutable: true)
  try writing { () throws(FileFailure) in try AtomicFile.write([file]) }
}

/// Puts the names of the sources in place of the paths that only the linker understands.
private func readable(
  _ messages: String, _ objects: [CompiledUnit], _ inputs: [MemoryFile]
) -> String {
  var text = messages
  for (object, input) in zip(objects, inputs) {
    // GNU ld writes "object:source:" where the object knows its source.
    for path in ["\(input.path):\(object.name):", "\(input.path):"] {
      text = text.split(separator: path, omittingEmptySubsequences: false)
        .joined(separator: "\(object.name):")
    }
  }
  return text
}
