// SPDX-License-Identifier: Apache-2.0
//
// Prints an entry point: argument checks, one named pointer for every array (EntryPointArrays), and the
// steps as plain loops over kernel calls (EntryPointSteps). The body of a parallel loop is a function of
// its own, which the caller's workers run; a kernel whose units are shared out is called through
// `mf_share_out`.

import Kernels
import Scheduling
import TensorIR

/// Writes the C of one entry point, given the names of the kernels.
struct EntryPointText {
  let interface: LibraryInterface
  let program: Program
  let words: ArrayWords
  /// Function name and number of units of each kernel.
  let kernels: [Kernel: (name: String, splitCount: Int?)]
  /// Functions that run on workers, written before the entry point.
  var workers = CWriter()
  var workerCount = 0
  var partCount = 0

  /// Whether the text calls `mf_parallel_for`, `mf_share_out`.
  var usesParallelFor: Bool { workerCount > 0 }
  var usesSharedCalls = false
  /// Whether positions are checked by kernels, not only at entry.
  var checksOnTheWay: Bool { program.checks.contains { $0.input == nil } }
  /// The calls that are timed, in the order of their table; `nil` if none are.
  var profiledCalls: [ProfiledCall]?

  /// - Parameter isProfiled: whether every kernel call is timed.
  init(
    interface: LibraryInterface, program: Program,
    kernels: [Kernel: (name: String, splitCount: Int?)], isProfiled: Bool = false
  ) {
    self.interface = interface
    self.program = program
    words = ArrayWords(program)
    self.kernels = kernels
    profiledCalls = isProfiled ? [] : nil
  }

  var symbol: String { "\(interface.names.library)_\(program.name)" }

  /// The C field that holds an array.
  func cName(_ name: String) -> String { interface.names.field(name) }

  /// An entry point with more calls is a long one. Its functions are not optimised: around small
  /// kernels the calls themselves matter, but not around so many.
  private static let shortCallList = 128
  /// Calls in one function of a long entry point. It names the arrays that it uses, on the stack, of
  /// which a library needs little however long its program is.
  static let longestPart = 32

  var isLong: Bool { callSites(program.steps) > Self.shortCallList }

  /// The attribute of functions that are lists of calls.
  var callList: String { isLong ? "MF_CALL_LIST " : "" }

  private func callSites(_ steps: [Step]) -> Int {
    steps.reduce(0) { count, step in
      switch step {
      case .call: count + 1
      case .loop(let loop): count + callSites(loop.body)
      }
    }
  }

  /// Calls in the function itself: the body of a parallel loop is one of its own.
  func ownCallSites(_ steps: [Step]) -> Int {
    steps.reduce(0) { count, step in
      switch step {
      case .loop(let loop) where !loop.isParallel: count + ownCallSites(loop.body)
      case .call, .loop: count + 1
      }
    }
  }

  /// The functions, the exported one last.
  mutating func text() -> String {
    var body = CWriter()
    let scope = Scope(frame: needsFrame ? "frame" : nil, worker: "0", variables: [])
    body.function(
      "MF_EXPORT \(callList)int32_t \(symbol)",
      [
        "const \(symbol)_inputs *inputs", "const \(symbol)_outputs *outputs", "void *arena",
        "const mixfuse_parallel *parallel",
      ]
    ) { body in
      writeChecks(to: &body)
      if needsFrame { writeFrame(to: &body) }
      writeScope(program.steps, scope, to: &body)
      body.line("return 0;")
    }
    writeCheckedEntry(to: &body)
    var top = CWriter()
    if needsFrame { defineFrame(to: &top) }
    if let profiledCalls {
      top.line("MF_EXPORT mf_profile_entry \(symbol)_profile[\(max(profiledCalls.count, 1))];")
      top.line()
    }
    return top.text + workers.text + body.text
  }

  // MARK: Frame

  /// Whether the entry point consists of several functions, which share a frame.
  private var needsFrame: Bool {
    isLong || checksOnTheWay || program.steps.contains(where: \.hasParallelLoop)
  }

  private func defineFrame(to writer: inout CWriter) {
    writer.comment("What every function of this entry point sees.")
    writer.block("typedef struct", close: "} \(symbol)_frame;") { writer in
      writer.line("const \(symbol)_inputs *inputs;")
      writer.line("const \(symbol)_outputs *outputs;")
      writer.line("char *arena;")
      let size = program.workerArenaBytes
      writer.line("char *workers;  // One part of \(size) bytes for each worker.")
      writer.line("const mixfuse_parallel *parallel;")
      if checksOnTheWay { writer.line("mf_fault *faults;  // The first position out of range.") }
    }
    writer.line()
  }

  private func writeFrame(to writer: inout CWriter) {
    if checksOnTheWay { writer.line("mf_fault faults = {.check = -1};") }
    writer.block("const \(symbol)_frame frame_storage =", close: "};") { writer in
      writer.line(".inputs = inputs, .outputs = outputs, .arena = arena,")
      writer.line(".workers = (char *)arena + \(program.arenaBytes), .parallel = parallel,")
      if checksOnTheWay { writer.line(".faults = &faults,") }
    }
    writer.line("const \(symbol)_frame *const frame = &frame_storage;")
  }

  // MARK: Checks

  /// What the function of the header calls: it refuses the header of another build.
  private func writeCheckedEntry(to writer: inout CWriter) {
    writer.function(
      "MF_EXPORT int32_t \(symbol)_checked",
      [
        "uint64_t abi_digest", "const \(symbol)_inputs *inputs",
        "const \(symbol)_outputs *outputs", "void *arena", "const mixfuse_parallel *parallel",
      ]
    ) { writer in
      writer.call(
        "return abi_digest != 0x\(interface.digest)u ? 3 : \(symbol)",
        ["inputs", "outputs", "arena", "parallel"])
    }
  }

  private func writeChecks(to writer: inout CWriter) {
    let pointers =
      ["inputs", "outputs", "arena"] + program.inputs.map { "inputs->\(cName($0.name))" }
      + program.outputs.map { "outputs->\(cName($0.name))" }
    writer.refuse(
      pointers.map { "!\($0)" }
        + [
          "(uintptr_t)arena % \(arenaAlignment) != 0",
          "(parallel && parallel->workers > 1 && !parallel->run)",
        ])
    for (number, check) in program.checks.enumerated() {
      guard let input = check.input else { continue }
      let array = "inputs->\(cName(program.inputs[input].name))"
      let (first, last) = (check.range.lowerBound, check.range.upperBound)
      func refuse(_ place: String, to writer: inout CWriter) {
        let value = "\(array)[\(place)]"
        writer.when("\(value) < \(first) || \(value) > \(last)") {
          $0.line("return mf_refuse(arena, \(number), \(place), \(value));")
        }
      }
      let count = program.inputs[input].type.elementCount
      if count == 1 {
        refuse("0", to: &writer)
      } else {
        writer.loop("i", below: "\(count)") { refuse("i", to: &$0) }
      }
    }
  }

  /// Ends the call if a position was out of range. Not on workers: what one of them finds must not
  /// depend on what another has found.
  func writeRefusal(after call: KernelCall, _ scope: Scope, to writer: inout CWriter) {
    let isCheck = call.arguments.contains { program.buffers[$0.buffer].placement == .faults }
    if isCheck, !scope.isOnWorker { writeRefusal(to: &writer) }
  }

  func writeRefusal(to writer: inout CWriter) {
    // Through the frame: a part of the entry point sees nothing else of it.
    writer.block("if (frame->faults->check >= 0)") {
      $0.line("return mf_refuse(frame->arena, frame->faults->check, frame->faults->position,")
      $0.line("                 frame->faults->value);")
    }
  }
}

extension CWriter {
  /// Returns 1 if any of the conditions holds.
  fileprivate mutating func refuse(_ conditions: [String]) {
    let lines = CWriter.wrapped(
      "if (", conditions, separator: " ||", closing: ") {", width: 98)
    for line in lines { self.line(line) }
    line("  return 1;")
    line("}")
  }
}

extension Step {
  /// Whether a loop in the step is run by workers.
  fileprivate var hasParallelLoop: Bool {
    switch self {
    case .call: false
    case .loop(let loop): loop.isParallel || loop.body.contains(where: \.hasParallelLoop)
    }
  }
}
