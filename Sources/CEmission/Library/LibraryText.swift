// SPDX-License-Identifier: Apache-2.0
//
// The whole C text of a library: declarations, the runtime helpers it needs, its kernels (equal
// kernels once, however often they are called), its entry points. The same scheduled program gives
// the same bytes.

import Foundation
package import Kernels
package import Scheduling
import TensorIR

/// The C of a generated library, without its manifest.
package struct LibraryText: Sendable {
  /// What callers must know.
  package var interface: LibraryInterface
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
    // Long lists of calls are not optimised: next to loops they compile in no time.
    units[0].size = entryText.utf8.count / 30
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
    units[0].text += entryText
    return units.map { preamble + prototypes + "\n" + $0.text }
  }
}

/// Writes the C of a library.
///
/// - Parameters:
///   - name: the spec's name; see `CNames` for what the library is called.
///   - dims: the sizes of the spec's dimensions, which the header states.
///   - banner: lines for the comment at the top: where the library comes from.
///   - isProfiled: whether every kernel call is timed, in a table that is global: for measuring only.
package func emitLibrary(
  named name: String, dims: [(name: String, value: Int)] = [], entryPoints: [Program],
  banner: [String], isProfiled: Bool = false
) -> LibraryText {
  let interface = LibraryInterface(spec: name, dims: dims, entryPoints: entryPoints)
  var emitter = LibraryEmitter(interface: interface, isProfiled: isProfiled)
  return emitter.emit(banner: banner)
}

private struct LibraryEmitter {
  let interface: LibraryInterface
  let isProfiled: Bool
  private var names: [Kernel: (name: String, splitCount: Int?)] = [:]
  private var list: [(name: String, kernel: Kernel, strategy: String)] = []
  private var kernelTexts: [(name: String, text: String)] = []
  /// The kernels whose units some call shares out.
  private var shared: [Kernel] = []
  private var helpers: Set<String> = []
  /// The names of kernels, and those of arrays, which would hide a kernel's.
  private var words: DistinctWords
  private var sharedFunctions = SharedFunctions()

  init(interface: LibraryInterface, isProfiled: Bool) {
    self.interface = interface
    self.isProfiled = isProfiled
    words = DistinctWords(
      taken: ReservedInC.functions.union(
        interface.entryPoints.flatMap { ArrayWords($0).arrays }))
    if isProfiled { helpers.insert("mf_profile") }
  }

  mutating func emit(banner: [String]) -> LibraryText {
    let entryPoints = interface.entryPoints
    for entry in entryPoints { addKernels(of: entry.steps, ArrayWords(entry)) }
    var functions = ""
    var profiledCalls: [String: [ProfiledCall]] = [:]
    for entry in entryPoints {
      var text = EntryPointText(
        interface: interface, program: entry, kernels: names, isProfiled: isProfiled)
      functions += text.text()
      profiledCalls[entry.name] = text.profiledCalls
      if text.usesParallelFor { helpers.insert("mf_parallel_for") }
      if text.usesSharedCalls { helpers.insert("mf_share_out") }
      if !entry.checks.isEmpty { helpers.insert("mf_refuse") }
      if text.checksOnTheWay { helpers.insert("mf_fault") }
    }
    functions += digestFunction()
    functions = partFunctions() + functions
    let declarations = HeaderText(interface: interface)
    let structures = declarations.compactStructures()
    let body = structures + kernelTexts.map(\.text).joined() + functions
    var top = CWriter()
    for line in banner { top.comment(line) }
    top.line()
    return LibraryText(
      interface: interface, header: declarations.header(banner: banner),
      preamble: top.text + helperText(usedBy: body) + structures,
      kernelTexts: kernelTexts, entryText: functions, kernels: list,
      profiledCalls: profiledCalls)
  }

  private mutating func addKernels(of steps: [Step], _ arrays: ArrayWords) {
    for step in steps {
      switch step {
      case .call(let call): addKernel(call, arrays)
      case .loop(let loop): addKernels(of: loop.body, arrays)
      }
    }
  }

  private mutating func addKernel(_ call: KernelCall, _ arrays: ArrayWords) {
    if call.isParallel, !shared.contains(call.kernel) { shared.append(call.kernel) }
    guard names[call.kernel] == nil else { return }
    let form = call.kernel.form
    if let known = names[form] {
      names[call.kernel] = (known.name, call.kernel.body.splitCount)
      return
    }
    let kernelName = words.add(call.kernelName)
    let arguments = arrays.arguments(of: call)
    let text: KernelText
    var strategy = "loop nest"
    switch call.kernel.body {
    case .fused(let fused):
      text = fused.text(
        named: kernelName, parameters: call.kernel.parameters, called: arguments,
        scalarNames: call.kernel.scalarNames)
    case .attention(let plan):
      text = emitAttention(plan, named: kernelName)
      strategy = "attention, \(plan.shape.order.rawValue)"
    case .contraction(let plan):
      text = emitContraction(plan, named: kernelName)
      strategy = plan.strategy
    case .packing(let plan):
      text = emitPacking(plan, named: kernelName)
      strategy = "packing"
    }
    var comment = CWriter()
    comment.comments(on: call, aboveKernel: true)
    var functions = [(name: kernelName, text: text.text)]
    if case .contraction = call.kernel.body {
      functions = sharedFunctions.split(text.text, of: kernelName, words: &words)
    }
    let end = text.text.hasSuffix("\n\n") ? "" : "\n"
    functions[functions.count - 1].text =
      comment.text + functions[functions.count - 1].text + end
    kernelTexts += functions
    helpers.formUnion(text.requiredHelpers)
    let splitCount = call.kernel.body.splitCount
    names[call.kernel] = (kernelName, splitCount)
    names[form] = (kernelName, splitCount)
    list.append((kernelName, call.kernel, strategy))
  }

  /// For each function of kernels whose units are shared out, the one that runs a part of them.
  private func partFunctions() -> String {
    var writer = CWriter()
    var written: Set<String> = []
    for kernel in shared {
      // Kernels that differ in their numbers of units are one function.
      guard let (name, units) = names[kernel], units != nil, written.insert(name).inserted
      else { continue }
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

  /// The function that returns the digest, for callers that load the library by themselves.
  private func digestFunction() -> String {
    var writer = CWriter()
    writer.function("MF_EXPORT uint64_t \(interface.names.library)_abi_digest", ["void"]) {
      $0.line("return 0x\(interface.digest)u;")
    }
    return writer.text
  }

  private func helperText(usedBy body: String) -> String {
    EmbeddedHelpers.text(of: RuntimeHelpers.closure(of: helpers), usedBy: body)
  }
}

extension Kernel {
  /// What the text of the kernel depends on: not the extent of a loop whose bounds are parameters.
  fileprivate var form: Kernel {
    guard case .fused(var fused) = body, let variable = fused.splitVariable else { return self }
    fused.splitExtent = 0
    fused.statements = fused.statements.map { $0.settingExtent(of: variable, to: 0) }
    var form = self
    form.body = .fused(fused)
    return form
  }
}

extension Statement {
  fileprivate func settingExtent(of loop: Int, to extent: Int) -> Statement {
    switch self {
    case .loop(let variable, let old, let body):
      .loop(
        variable: variable, extent: variable == loop ? extent : old,
        body: body.map { $0.settingExtent(of: loop, to: extent) })
    case .blocks(let variable, let old, let size, let body):
      .blocks(
        variable: variable, extent: old, size: size,
        body: body.map { $0.settingExtent(of: loop, to: extent) })
    case .define, .store, .storeLocal, .accumulator, .accumulate, .accumulateInMemory: self
    }
  }
}
