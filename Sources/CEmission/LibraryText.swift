// SPDX-License-Identifier: Apache-2.0
//
// The whole C text of a library: declarations, the runtime helpers it needs, its kernels (equal
// kernels once, however often they are called), its entry points. The same scheduled program gives
// the same bytes.

import Foundation
package import Scheduling
import TensorIR

/// The C of a generated library, without its manifest.
package struct LibraryText: Sendable {
  /// The public header.
  package var header: String
  /// The whole source, as users read it.
  package var source: String {
    preamble + kernelTexts.map(\.text).joined() + entryText
  }
  /// Declarations and helpers.
  fileprivate var preamble: String
  /// The functions of each kernel, its own last.
  fileprivate var kernelTexts: [(name: String, text: String)]
  /// The entry points.
  fileprivate var entryText: String
  /// The kernels in order, for reports: name, kernel, and how it is computed.
  package var kernels: [(name: String, kernel: Kernel, strategy: String)]
  /// For each entry point by name, the calls that are timed; empty unless the library is profiled.
  package var profiledCalls: [String: [ProfiledCall]] = [:]
}

/// A kernel call that a profiled library times. Its entry in the table `SYMBOL_profile` (an
/// `mf_profile_entry`: nanoseconds, calls) has the position of the call in the list.
package struct ProfiledCall: Sendable {
  package var call: KernelCall
  package var kernelName: String
}

extension LibraryText {
  /// The source cut into translation units of about equal size, which compile side by side. The
  /// first has the entry points; kernels are then visible between units, though not outside.
  package func units(count: Int) -> [String] {
    guard count > 1, kernelTexts.count >= count else { return [source] }
    var units = [(text: String, size: Int)](repeating: ("", 0), count: count)
    units[0].size = entryText.utf8.count / 3  // Calls compile faster than loops.
    var prototypes = ""
    for (name, text) in kernelTexts.sorted(by: { $0.text.utf8.count > $1.text.utf8.count }) {
      let visible = text.replacing("MF_KERNEL static void \(name)(", with: "static void \(name)(")
        .replacing("static void \(name)(", with: "MF_KERNEL void \(name)(")
      guard let start = visible.range(of: "MF_KERNEL void \(name)("),
        let end = visible[start.lowerBound...].firstIndex(of: "{")
      else { preconditionFailure("compiler bug: \(name) has no definition") }
      prototypes += visible[start.lowerBound..<end] + ";\n"
      let smallest = units.indices.min { units[$0].size < units[$1].size } ?? 0
      units[smallest].text += visible
      units[smallest].size += visible.utf8.count
    }
    units[0].text = prototypes + "\n" + units[0].text + entryText
    return units.map { preamble + $0.text }
  }
}

/// Writes the C of a library.
///
/// - Parameters:
///   - name: a C identifier; all exported symbols begin with it.
///   - banner: lines for the comment at the top: where the library comes from.
///   - target: register and cache sizes of the machine.
///   - isProfiled: whether every kernel call is timed, in a table that is global: for measuring only.
package func emitLibrary(
  named name: String, entryPoints: [Program], banner: [String], for target: ContractionTarget,
  isProfiled: Bool = false
) -> LibraryText {
  var emitter = LibraryEmitter(name: name, target: target, isProfiled: isProfiled)
  return emitter.emit(entryPoints, banner: banner)
}

/// Bytes of scratch memory that a kernel needs for each worker that runs it.
package func scratchBytes(of body: Kernel.Body, for target: ContractionTarget) -> Int {
  switch body {
  case .fused: 0
  case .contraction(let shape):
    emitContraction(shape, named: "k", for: target).scratchBytesPerWorker
  case .attention(let shape): emitAttention(shape, named: "k", for: target).scratchBytesPerWorker
  case .packing: 0
  }
}

private struct LibraryEmitter {
  let name: String
  let target: ContractionTarget
  let isProfiled: Bool
  private var names: [Kernel: (name: String, splitCount: Int?)] = [:]
  private var list: [(name: String, kernel: Kernel, strategy: String)] = []
  private var kernelTexts: [(name: String, text: String)] = []
  /// The kernels whose units some call shares out.
  private var shared: [Kernel] = []
  private var helpers: Set<String> = []

  init(name: String, target: ContractionTarget, isProfiled: Bool) {
    self.name = name
    self.target = target
    self.isProfiled = isProfiled
    if isProfiled { helpers.insert("mf_profile") }
  }

  mutating func emit(_ entryPoints: [Program], banner: [String]) -> LibraryText {
    for entry in entryPoints { addKernels(of: entry.steps) }
    var functions = ""
    var profiledCalls: [String: [ProfiledCall]] = [:]
    for entry in entryPoints {
      var text = EntryPointText(
        library: name, program: entry, kernels: names, isProfiled: isProfiled)
      functions += text.text()
      profiledCalls[entry.name] = text.profiledCalls
      if text.usesParallelFor { helpers.insert("mf_parallel_for") }
      if text.usesSharedCalls { helpers.insert("mf_share_out") }
      if !entry.checks.isEmpty { helpers.insert("mf_refuse") }
      if text.checksOnTheWay { helpers.insert("mf_fault") }
    }
    let declarations = Declarations(library: name, entryPoints: entryPoints)
    var top = CWriter()
    for line in banner { top.comment(line) }
    top.line()
    return LibraryText(
      header: declarations.header(banner: banner),
      preamble: top.text + helperText() + declarations.structures() + "\n",
      kernelTexts: kernelTexts, entryText: partFunctions() + functions, kernels: list,
      profiledCalls: profiledCalls)
  }

  private mutating func addKernels(of steps: [Step]) {
    for step in steps {
      switch step {
      case .call(let call): addKernel(call)
      case .loop(let loop): addKernels(of: loop.body)
      }
    }
  }

  private mutating func addKernel(_ call: KernelCall) {
    if call.isParallel, !shared.contains(call.kernel) { shared.append(call.kernel) }
    guard names[call.kernel] == nil else { return }
    let kernelName = "k\(names.count)"
    let text: KernelText
    var strategy = "loop nest"
    switch call.kernel.body {
    case .fused(let fused):
      text = fused.text(named: kernelName, parameters: call.kernel.parameters)
    case .attention(let shape):
      let attention = emitAttention(shape, named: kernelName, for: target)
      strategy = "attention, \(shape.order.rawValue)"
      text = KernelText(
        text: attention.text, requiredHelpers: Set(attention.requiredHelpers),
        splitCount: attention.splitCount)
    case .contraction(let shape):
      (text, strategy) = emitted(emitContraction(shape, named: kernelName, for: target))
    case .packing(let panels):
      (text, strategy) = emitted(emitPacking(panels, named: kernelName, for: target))
    }
    var comment = CWriter()
    for equation in call.kernel.equations.prefix(24) { comment.comment(equation) }
    if call.kernel.equations.count > 24 {
      comment.comment("and \(call.kernel.equations.count - 24) more")
    }
    if !call.provenance.description.isEmpty { comment.comment("from \(call.provenance)") }
    let end = text.text.hasSuffix("\n\n") ? "" : "\n"
    kernelTexts.append((kernelName, comment.text + text.text + end))
    helpers.formUnion(text.requiredHelpers)
    names[call.kernel] = (kernelName, text.splitCount)
    list.append((kernelName, call.kernel, strategy))
  }

  private func emitted(_ kernel: ContractionKernel) -> (KernelText, strategy: String) {
    let text = KernelText(
      text: kernel.text, requiredHelpers: Set(kernel.requiredHelpers),
      splitCount: kernel.splitCount)
    return (text, kernel.strategy)
  }

  /// For each kernel whose units are shared out, the function that runs one part of them.
  private func partFunctions() -> String {
    var writer = CWriter()
    for kernel in shared {
      guard let (name, units) = names[kernel], units != nil else { continue }
      let last = kernel.parameters.count - 1
      var arguments = kernel.parameters.indices.map { index in
        index == last
          ? "(void *)((char *)call->arrays[\(index)] + worker * call->worker_bytes)"
          : "call->arrays[\(index)]"
      }
      if case .fused(let fused) = kernel.body {
        arguments += (0..<fused.indexParameterCount).map { "call->indices[\($0)]" }
      }
      arguments += [
        "call->units * part / call->parts", "call->units * (part + 1) / call->parts",
      ]
      writer.function(
        "static void \(name)_part", ["void *arguments", "int64_t part", "int64_t worker"]
      ) { writer in
        writer.line("const mf_call *const call = arguments;")
        writer.line("\(name)(\(arguments.joined(separator: ", ")));")
      }
    }
    return writer.text
  }

  private func helperText() -> String {
    RuntimeHelpers.closure(of: helpers).map { RuntimeHelpers.text(of: $0) }
      .joined(separator: "\n") + "\n"
  }
}

/// Structures and prototypes, for the header and the top of the source.
private struct Declarations {
  let library: String
  let entryPoints: [Program]

  func structures() -> String {
    var writer = CWriter()
    for entry in entryPoints {
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
        let range = port.range.map { ", \($0.lowerBound) to \($0.upperBound)" } ?? ""
        writer.line("\(type) *\(cName(port.name));  // \(port.type.shape)\(range)")
      }
    }
    writer.line()
  }

  /// What the second code means.
  private func refusal(of entry: Program, to writer: inout CWriter) {
    guard !entry.checks.isEmpty else { return writer.comment("argument.") }
    writer.comment("argument, or 2 for a number out of range where a position, a label or a step")
    writer.comment(
      "is needed; the arena then begins with three int64_t: the number of the check in")
    writer.comment(
      "the manifest, which element it is and its value. No memory outside of the arrays")
    if entry.checks.allSatisfy({ $0.input != nil }) {
      writer.comment("is touched, and nothing is written to the outputs.")
    } else {
      writer.comment("is touched. Inputs are checked before anything is written to the outputs;")
      writer.comment("what is computed is checked on the way, when some may have been written.")
    }
  }

  func header(banner: [String]) -> String {
    let guardName = library.uppercased() + "_H"
    var writer = CWriter()
    for line in banner { writer.comment(line) }
    writer.line("#ifndef \(guardName)")
    writer.line("#define \(guardName)")
    writer.line()
    writer.verbatim(RuntimeHelpers.text(of: "mixfuse_parallel"))
    writer.line()
    writer.line("#ifdef __cplusplus")
    writer.line("extern \"C\" {")
    writer.line("#endif")
    writer.line()
    writer.verbatim(structures())
    for entry in entryPoints {
      writer.comment("Needs \(entry.arenaBytes) bytes of arena, and \(entry.workerArenaBytes)")
      writer.comment(
        "more for each worker, aligned to \(arenaAlignment). Returns 0, or 1 for a null")
      refusal(of: entry, to: &writer)
      let symbol = "\(library)_\(entry.name)"
      writer.line("int32_t \(symbol)(const \(symbol)_inputs *inputs,")
      writer.line("    const \(symbol)_outputs *outputs, void *arena,")
      writer.line("    const mixfuse_parallel *parallel);")
      writer.line()
    }
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
}

/// Writes the second piece of a library: the functions that return its manifest.
package func emitManifestSource(named name: String, json: String) -> String {
  var writer = CWriter()
  writer.comment("The manifest of \(name), as text inside the library.")
  writer.line("#define MF_EXPORT __attribute__((visibility(\"default\")))")
  writer.line("MF_EXPORT const char *\(name)_manifest(void);")
  writer.line("MF_EXPORT const char *mixfuse_manifest(void);")
  writer.line()
  writer.line("static const char manifest[] =")
  let lines = json.split(separator: "\n", omittingEmptySubsequences: false)
  for (index, line) in lines.enumerated() {
    let escaped = line.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    let isLast = index == lines.count - 1
    writer.line("    \"\(escaped)\(isLast ? "\";" : "\\n\"")")
  }
  writer.line()
  writer.line("const char *\(name)_manifest(void) { return manifest; }")
  writer.line("const char *mixfuse_manifest(void) { return manifest; }")
  return writer.text
}
