// SPDX-License-Identifier: Apache-2.0
//
// Prints an entry point: argument checks, one named pointer for every array, and the steps as plain
// loops over kernel calls. The body of a parallel loop is a function of its own, which the caller's
// workers run; a kernel whose units are shared out is called through `mf_share_out`.

import Scheduling
import TensorIR

/// Writes the C of one entry point, given the names of the kernels.
struct EntryPointText {
  let interface: LibraryInterface
  let program: Program
  /// Function name and number of units of each kernel.
  let kernels: [Kernel: (name: String, splitCount: Int?)]
  /// Functions that run on workers, written before the entry point.
  private var workers = CWriter()
  private var workerCount = 0
  private var partCount = 0

  /// Whether the text calls `mf_parallel_for`, `mf_share_out`.
  var usesParallelFor: Bool { workerCount > 0 }
  private(set) var usesSharedCalls = false
  /// Whether positions are checked by kernels, not only at entry.
  var checksOnTheWay: Bool { program.checks.contains { $0.input == nil } }
  /// The calls that are timed, in the order of their table; `nil` if none are.
  private(set) var profiledCalls: [ProfiledCall]?

  /// - Parameter isProfiled: whether every kernel call is timed.
  init(
    interface: LibraryInterface, program: Program,
    kernels: [Kernel: (name: String, splitCount: Int?)], isProfiled: Bool = false
  ) {
    self.interface = interface
    self.program = program
    self.kernels = kernels
    profiledCalls = isProfiled ? [] : nil
  }

  private var symbol: String { "\(interface.names.library)_\(program.name)" }

  /// The C field that holds an array.
  private func cName(_ name: String) -> String { interface.names.field(name) }

  /// An entry point with more calls is a long one. Its functions are not optimised: around small
  /// kernels the calls themselves matter, but not around so many.
  private static let shortCallList = 128
  /// Calls in one function of a long entry point. It names the arrays that it uses, on the stack, of
  /// which a library needs little however long its program is.
  private static let longestPart = 32

  private var isLong: Bool { callSites(program.steps) > Self.shortCallList }

  /// The attribute of functions that are lists of calls.
  private var callList: String { isLong ? "MF_CALL_LIST " : "" }

  private func callSites(_ steps: [Step]) -> Int {
    steps.reduce(0) { count, step in
      switch step {
      case .call: count + 1
      case .loop(let loop): count + callSites(loop.body)
      }
    }
  }

  /// Calls in the function itself: the body of a parallel loop is one of its own.
  private func ownCallSites(_ steps: [Step]) -> Int {
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
    let scope = Scope(frame: "frame", worker: "0", variables: [])
    body.function(
      "MF_EXPORT \(callList)int32_t \(symbol)",
      [
        "const \(symbol)_inputs *inputs", "const \(symbol)_outputs *outputs", "void *arena",
        "const mixfuse_parallel *parallel",
      ]
    ) { body in
      writeChecks(to: &body)
      if checksOnTheWay { body.line("mf_fault faults = {.check = -1};") }
      body.block("const \(symbol)_frame frame_storage =", close: "};") { body in
        body.line(".inputs = inputs,")
        body.line(".outputs = outputs,")
        body.line(".arena = arena,")
        body.line(".workers = (char *)arena + \(program.arenaBytes),")
        body.line(".parallel = parallel,")
        if checksOnTheWay { body.line(".faults = &faults,") }
      }
      body.line("const \(symbol)_frame *const frame = &frame_storage;")
      writeScope(program.steps, scope, to: &body)
      body.line("return 0;")
    }
    writeCheckedEntry(to: &body)
    var frame = CWriter()
    frame.comment("What every function of this entry point sees.")
    frame.block("typedef struct", close: "} \(symbol)_frame;") { frame in
      frame.line("const \(symbol)_inputs *inputs;")
      frame.line("const \(symbol)_outputs *outputs;")
      frame.line("char *arena;")
      let size = program.workerArenaBytes
      frame.line("char *workers;  // One part of \(size) bytes for each worker.")
      frame.line("const mixfuse_parallel *parallel;")
      if checksOnTheWay { frame.line("mf_fault *faults;  // The first position out of range.") }
    }
    frame.line()
    if let profiledCalls {
      frame.line("MF_EXPORT mf_profile_entry \(symbol)_profile[\(max(profiledCalls.count, 1))];")
      frame.line()
    }
    return frame.text + workers.text + body.text
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
      writer.block("if (abi_digest != 0x\(interface.digest)u)") { $0.line("return 3;") }
      writer.line("return \(symbol)(inputs, outputs, arena, parallel);")
    }
  }

  private func writeChecks(to writer: inout CWriter) {
    writer.block(
      "if (!inputs || !outputs || !arena || (uintptr_t)arena % \(arenaAlignment) != 0)"
    ) {
      $0.line("return 1;")
    }
    let fields =
      program.inputs.map { "inputs->\(cName($0.name))" }
      + program.outputs.map { "outputs->\(cName($0.name))" }
    for start in stride(from: 0, to: fields.count, by: 3) {
      let part = fields[start..<min(start + 3, fields.count)]
      writer.block("if (\(part.map { "!" + $0 }.joined(separator: " || ")))") {
        $0.line("return 1;")
      }
    }
    writer.block("if (parallel && parallel->workers > 1 && !parallel->run)") {
      $0.line("return 1;")
    }
    for (number, check) in program.checks.enumerated() {
      guard let input = check.input else { continue }
      writer.loop("i", below: "\(program.inputs[input].type.elementCount)") { writer in
        let value = "inputs->\(cName(program.inputs[input].name))[i]"
        let (first, last) = (check.range.lowerBound, check.range.upperBound)
        writer.block("if (\(value) < \(first) || \(value) > \(last))") {
          $0.line("return mf_refuse(arena, \(number), i, \(value));")
        }
      }
    }
  }

  /// Ends the call if a position was out of range. Not on workers: what one of them finds must not
  /// depend on what another has found.
  private func writeRefusal(after call: KernelCall, _ scope: Scope, to writer: inout CWriter) {
    let isCheck = call.arguments.contains { program.buffers[$0.buffer].placement == .faults }
    if isCheck, !scope.isOnWorker { writeRefusal(to: &writer) }
  }

  private func writeRefusal(to writer: inout CWriter) {
    // Through the frame: a part of the entry point sees nothing else of it.
    writer.block("if (frame->faults->check >= 0)") {
      $0.line("return mf_refuse(frame->arena, frame->faults->check, frame->faults->position,")
      $0.line("                 frame->faults->value);")
    }
  }

  // MARK: Steps

  /// Where code runs: how it reaches the frame, which worker it is, which step loops are around it.
  private struct Scope {
    var frame: String
    var worker: String
    var variables: [LoopVariable]
    var isOnWorker = false
  }

  /// Declares the arrays that the steps use, then writes the steps.
  private mutating func writeScope(_ steps: [Step], _ scope: Scope, to writer: inout CWriter) {
    guard !isLong || ownCallSites(steps) <= Self.longestPart else {
      for part in parts(of: steps) { writePart(part, scope, to: &writer) }
      return
    }
    var isUsed = Set<Int>()
    collectBuffers(steps, into: &isUsed)
    for number in isUsed.sorted() {
      let buffer = program.buffers[number]
      writer.line("\(declaration(buffer, scope));  // \(buffer.comment)")
    }
    writeSteps(steps, scope, to: &writer)
  }

  /// Steps that follow each other, as many at a time as a function may call; a loop of more by itself.
  private func parts(of steps: [Step]) -> [[Step]] {
    var parts: [[Step]] = []
    var calls = 0
    for step in steps {
      let more = ownCallSites([step])
      if parts.isEmpty || calls + more > Self.longestPart {
        parts.append([])
        calls = 0
      }
      parts[parts.count - 1].append(step)
      calls += more
    }
    return parts
  }

  /// Writes a part as a function of its own, and calls it. A loop that is too long stays where it is:
  /// its body is cut.
  private mutating func writePart(_ steps: [Step], _ scope: Scope, to writer: inout CWriter) {
    if case .loop(let loop) = steps[0], steps.count == 1,
      ownCallSites(steps) > Self.longestPart
    {
      var inner = scope
      inner.variables.append(loop.variable)
      writer.comment(loop.label)
      writer.loop(
        name(loop.variable), below: loop.limit.map(name) ?? "\(loop.tripCount)",
        reversed: loop.isReversed
      ) { writeScope(loop.body, inner, to: &$0) }
      return
    }
    let function = "\(symbol)_part_\(partCount)"
    partCount += 1
    let variables = scope.variables.map(name)
    // A part that may refuse a position says so, as the entry point does.
    let mayRefuse = checksOnTheWay && !scope.isOnWorker
    var body = CWriter()
    body.function(
      "MF_CALL_LIST static \(mayRefuse ? "int32_t" : "void") \(function)",
      ["const \(symbol)_frame *frame", "int64_t worker"] + variables.map { "int64_t \($0)" }
    ) { body in
      body.line("const mixfuse_parallel *const parallel = frame->parallel;")
      for unused in ["parallel", "worker"] + variables { body.line("(void)\(unused);") }
      let inside = Scope(
        frame: "frame", worker: "worker", variables: scope.variables, isOnWorker: scope.isOnWorker)
      writeScope(steps, inside, to: &body)
      if mayRefuse { body.line("return 0;") }
    }
    workers.verbatim(body.text)
    let call = statement(function, [scope.frame, scope.worker] + variables)
    guard mayRefuse else { return writer.line(call) }
    writer.block("if (\(call.dropLast()) != 0)") { $0.line("return 2;") }
  }

  private mutating func writeSteps(_ steps: [Step], _ scope: Scope, to writer: inout CWriter) {
    for step in steps {
      switch step {
      case .call(let call):
        writeCall(call, scope, to: &writer)
        writeRefusal(after: call, scope, to: &writer)
      case .loop(let loop) where loop.isParallel:
        writeParallelLoop(loop, scope, to: &writer)
      case .loop(let loop):
        var inner = scope
        inner.variables.append(loop.variable)
        writer.comment(loop.label)
        writer.loop(
          name(loop.variable), below: loop.limit.map(name) ?? "\(loop.tripCount)",
          reversed: loop.isReversed
        ) { writeSteps(loop.body, inner, to: &$0) }
      }
    }
  }

  private mutating func writeCall(
    _ call: KernelCall, _ scope: Scope, to writer: inout CWriter
  ) {
    guard let entry = profiledCalls?.count else {
      writeUntimedCall(call, to: &writer)
      return
    }
    profiledCalls?.append(ProfiledCall(call: call, kernelName: kernels[call.kernel]?.name ?? ""))
    writer.block("") { writer in
      writer.line("const int64_t start = mf_profile_clock();")
      writeUntimedCall(call, to: &writer)
      writer.line("mf_profile_add(&\(symbol)_profile[\(entry)], start);")
    }
  }

  private mutating func writeUntimedCall(_ call: KernelCall, to writer: inout CWriter) {
    guard let kernel = kernels[call.kernel] else {
      preconditionFailure("compiler bug: a kernel without a name")
    }
    var arguments = call.arguments.map(text(of:)) + call.indices.map(name)
    guard let units = kernel.splitCount else {
      writer.line(statement(kernel.name, arguments))
      return
    }
    if call.isParallel {
      usesSharedCalls = true
      writeSharedCall(call, kernel.name, units, to: &writer)
    } else {
      arguments += ["0", "\(units)"]
      writer.line(statement(kernel.name, arguments))
    }
  }

  /// `name(arguments);`, on several lines if long.
  private func statement(_ name: String, _ arguments: [String]) -> String {
    "\(name)(\(arguments.joined(separator: ", ")));"
  }

  private mutating func writeParallelLoop(
    _ loop: StepLoop, _ scope: Scope, to writer: inout CWriter
  ) {
    let function = "\(symbol)_worker_\(workerCount)"
    workerCount += 1
    var body = CWriter()
    let inner = Scope(
      frame: "frame", worker: "worker", variables: [loop.variable], isOnWorker: true)
    body.comment("One iteration of the loop over \(loop.label).")
    body.function(
      "\(callList)static void \(function)",
      ["void *arguments", "int64_t \(name(loop.variable))", "int64_t worker"]
    ) { body in
      body.line("const \(symbol)_frame *const frame = arguments;")
      body.line("(void)worker;")
      writeScope(loop.body, inner, to: &body)
    }
    workers.verbatim(body.text)
    writer.comment(loop.label)
    writer.line("mf_parallel_for(parallel, \(loop.tripCount), \(function), (void *)frame);")
    if hasCheck(loop.body) { writeRefusal(to: &writer) }
  }

  private func hasCheck(_ steps: [Step]) -> Bool {
    steps.contains { step in
      switch step {
      case .call(let call):
        call.arguments.contains { program.buffers[$0.buffer].placement == .faults }
      case .loop(let loop): hasCheck(loop.body)
      }
    }
  }

  /// A kernel whose units are shared out over the workers, by the function that `LibraryText` writes
  /// for each such kernel.
  private func writeSharedCall(
    _ call: KernelCall, _ kernel: String, _ units: Int, to writer: inout CWriter
  ) {
    let arrays = call.arguments.map { "(void *)(\(text(of: $0)))" }.joined(separator: ", ")
    let indices = call.indices.map(name).joined(separator: ", ")
    let workerBytes = usesWorkerArena(call) ? program.workerArenaBytes : 0
    writer.block("") { writer in
      writer.line("void *const arrays[] = {\(arrays)};")
      if !indices.isEmpty { writer.line("const int64_t indices[] = {\(indices)};") }
      writer.line(
        "mf_share_out(parallel, \(units), \(kernel)_part, arrays, "
          + "\(indices.isEmpty ? "0" : "indices"), \(workerBytes));")
    }
  }

  /// Whether the call's last array is scratch memory of each worker's own.
  private func usesWorkerArena(_ call: KernelCall) -> Bool {
    guard let last = call.arguments.last,
      case .workerArena = program.buffers[last.buffer].placement
    else { return false }
    return true
  }

  // MARK: Names and addresses

  private func name(_ variable: LoopVariable) -> String { "t\(variable.index)" }

  private func text(of pointer: Pointer) -> String {
    var terms = [program.buffers[pointer.buffer].name]
    terms += pointer.terms.map {
      $0.stride == 1 ? name($0.variable) : "\(name($0.variable)) * \($0.stride)"
    }
    if pointer.offset != 0 { terms.append("\(pointer.offset)") }
    return terms.joined(separator: " + ")
  }

  private func declaration(_ buffer: Buffer, _ scope: Scope) -> String {
    let type = buffer.dtype.cName
    switch buffer.placement {
    case .input(let index):
      return "const \(type) *const \(buffer.name) = "
        + "\(scope.frame)->inputs->\(cName(program.inputs[index].name))"
    case .output(let index):
      return "\(type) *const \(buffer.name) = "
        + "\(scope.frame)->outputs->\(cName(program.outputs[index].name))"
    case .arena(let offset):
      return "\(type) *const \(buffer.name) = (\(type) *)(\(scope.frame)->arena + \(offset))"
    case .faults:
      return "int32_t *const \(buffer.name) = (int32_t *)\(scope.frame)->faults"
    case .workerArena(let offset):
      let base = "\(scope.frame)->workers + \(scope.worker) * \(program.workerArenaBytes)"
      return "\(type) *const \(buffer.name) = (\(type) *)(\(base) + \(offset))"
    }
  }

  /// The buffers that steps use directly, not those used only inside functions of their own.
  private func collectBuffers(_ steps: [Step], into used: inout Set<Int>) {
    for step in steps {
      switch step {
      case .call(let call):
        for pointer in call.arguments { used.insert(pointer.buffer) }
      case .loop(let loop):
        if !loop.isParallel { collectBuffers(loop.body, into: &used) }
      }
    }
  }
}
