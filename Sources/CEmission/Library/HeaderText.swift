// SPDX-License-Identifier: Apache-2.0
//
// The public header of a library: structures, sizes, and one function for each entry point. The
// function hands the digest of the interface on to the library, which refuses another one: a
// program built with the header of another build cannot forget to check. The structures also stand
// at the top of the source.

import Kernels
import Scheduling
import TensorIR

/// Structures and prototypes, for the header and the top of the source.
struct HeaderText {
  let interface: LibraryInterface

  private var names: CNames { interface.names }
  private var library: String { interface.names.library }

  /// The structures of all entry points.
  func structures() -> String {
    var writer = CWriter()
    for entry in interface.entryPoints {
      structure("\(library)_\(entry.name)_inputs", entry.inputs, constant: true, &writer)
      structure("\(library)_\(entry.name)_outputs", entry.outputs, constant: false, &writer)
    }
    return writer.text
  }

  private func structure(
    _ name: String, _ ports: [Program.Port], constant: Bool, _ writer: inout CWriter
  ) {
    writer.block("typedef struct", close: "} \(name);") { writer in
      for port in ports {
        let type = (constant ? "const " : "") + port.type.dtype.cName
        let field = names.field(port.name)
        let original = field == port.name.replacing(".", with: "_") ? "" : "\(port.name): "
        let range = port.range.map { ", \($0.lowerBound) to \($0.upperBound)" } ?? ""
        writer.line("\(type) *\(field);  // \(original)\(port.type.shape)\(range)")
      }
    }
    writer.line()
  }

  /// The declarations once more, for the source: the same fields in the same order, in fewer lines.
  func compactStructures() -> String {
    var writer = CWriter()
    for entry in interface.entryPoints {
      for (kind, ports) in [("inputs", entry.inputs), ("outputs", entry.outputs)] {
        writer.block("typedef struct", close: "} \(library)_\(entry.name)_\(kind);") { writer in
          var rest = ports[...]
          while let first = rest.first {
            let alike = rest.prefix { $0.type.dtype == first.type.dtype }
            let type = (kind == "inputs" ? "const " : "") + first.type.dtype.cName
            writer.declaration(type, alike.map { "*\(names.field($0.name))" })
            rest = rest.dropFirst(alike.count)
          }
        }
        writer.line()
      }
    }
    return writer.text
  }

  /// The whole header.
  func header(banner: [String]) -> String {
    // The name as it is: in capitals, `Maml` and `maml` would be the same.
    let guardName = "MIXFUSE_\(library)_H"
    var writer = CWriter()
    for line in banner { writer.comment(line) }
    writer.line("#ifndef \(guardName)")
    writer.line("#define \(guardName)")
    writer.line()
    writer.verbatim(RuntimeHelpers.text(of: "mixfuse_parallel"))
    writer.line()
    inlineAttribute(to: &writer)
    writer.line("#ifdef __cplusplus")
    writer.line("extern \"C\" {")
    writer.line("#endif")
    writer.line()
    sizes(to: &writer)
    writer.verbatim(structures())
    returnValues(to: &writer)
    for entry in interface.entryPoints { declare(entry, to: &writer) }
    writer.comment(
      "The digest that this library was built with; the functions above compare it with")
    writer.comment("\(library)_ABI_DIGEST by themselves.")
    writer.line("uint64_t \(library)_abi_digest(void);")
    writer.line()
    writer.comment("The manifest: a JSON text that describes all of the above.")
    writer.line("const char *\(library)_manifest(void);")
    writer.line()
    writer.line("#ifdef __cplusplus")
    writer.line("}")
    writer.line("#endif")
    writer.line()
    writer.line("#endif")
    return writer.text
  }

  /// A caller uses some of the functions; compilers need not warn of the others.
  private func inlineAttribute(to writer: inout CWriter) {
    writer.line("#ifndef MIXFUSE_INLINE")
    writer.line("#ifdef __GNUC__")
    writer.line("#define MIXFUSE_INLINE static inline __attribute__((unused))")
    writer.line("#else")
    writer.line("#define MIXFUSE_INLINE static inline")
    writer.line("#endif")
    writer.line("#endif")
    writer.line()
  }

  private func sizes(to writer: inout CWriter) {
    writer.comment("A digest of everything below: a library with another one has other arrays.")
    writer.line("#define \(library)_ABI_DIGEST 0x\(interface.digest)u")
    writer.line()
    if !interface.dims.isEmpty {
      writer.comment("The sizes of the spec's dimensions.")
      for dim in interface.dims { writer.line("#define \(library)_DIM_\(dim.name) \(dim.value)") }
      writer.line()
    }
    writer.comment(
      "Bytes of arena that each function needs, and more for each worker (one at least).")
    writer.line("#define \(library)_ARENA_ALIGNMENT \(arenaAlignment)")
    for entry in interface.entryPoints {
      let symbol = "\(library)_\(entry.name)"
      writer.line("#define \(symbol)_ARENA_BYTES \(entry.arenaBytes)")
      writer.line("#define \(symbol)_WORKER_ARENA_BYTES \(entry.workerArenaBytes)")
    }
    writer.line()
  }

  private func returnValues(to writer: inout CWriter) {
    writer.comment("Each function returns 0, or, having written nothing to the outputs,")
    writer.comment(
      "1 for a null argument, a null pointer in `inputs` or `outputs`, an arena that is not")
    writer.comment("  aligned, or several workers without a function that runs them,")
    writer.comment(
      "2 for a number out of range where a position, a label or a step is needed; the arena")
    writer.comment(
      "  then begins with three int64_t: the number of the check in the manifest, which element")
    writer.comment("  it is and its value. No memory outside of the arrays is touched,")
    writer.comment("3 for a library that this header does not belong to: build the caller again.")
    writer.line()
  }

  private func declare(_ entry: Program, to writer: inout CWriter) {
    let symbol = "\(library)_\(entry.name)"
    writer.comment("Needs \(entry.arenaBytes) bytes of arena, and \(entry.workerArenaBytes)")
    writer.comment("more for each worker, aligned to \(arenaAlignment).")
    if entry.checks.contains(where: { $0.input == nil }) {
      writer.comment("What is computed is checked on the way: with code 2, some of the outputs may")
      writer.comment("have been written.")
    }
    let parameters = [
      "const \(symbol)_inputs *inputs", "const \(symbol)_outputs *outputs", "void *arena",
      "const mixfuse_parallel *parallel",
    ]
    writer.line("int32_t \(symbol)_checked(")
    writer.line("    uint64_t abi_digest, \(parameters[0]),")
    writer.line("    \(parameters[1]), void *arena,")
    writer.line("    \(parameters[3]));")
    writer.function("MIXFUSE_INLINE int32_t \(symbol)", parameters) { writer in
      writer.line(
        "return \(symbol)_checked(\(library)_ABI_DIGEST, inputs, outputs, arena, parallel);")
    }
  }
}
