// SPDX-License-Identifier: Apache-2.0
//
// Prints an entry point: argument checks, one named pointer for every array, and the steps as plain
// loops over kernel calls. The body of a parallel loop is a function of its own, which the caller's
// workers run; a kernel whose units are shared out is called through `mf_share_out`.

import Kernels
import Scheduling
import TensorIR

/// Writes the C of one entry point, given the names of the kernels.
struct EntryPointText {
  let interface: LibraryInterface
  let program: Program
  private let words: ArrayWords
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
    words = ArrayWords(program)
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

  /// Where code runs: how it reaches the frame, if there is one, which worker it is, which step loops
  /// are around it.
  private struct Scope {
    var frame: String?
    var worker: String
    var variables: [LoopVariable]
    var isOnWorker = false

    /// What stands before the name of a field of the frame, or of a parameter of the entry point.
    var prefix: String { frame.map { "\($0)->" } ?? "" }
    var arena: String { frame.map { "\($0)->arena" } ?? "(char *)arena" }
  }

  /// Declares the arrays that the steps use, then writes the steps.
  private mutating func writeScope(_ steps: [Step], _ scope: Scope, to writer: inout CWriter) {
    guard !isLong || ownCallSites(steps) <= Self.longestPart else {
      for part in parts(of: steps) { writePart(part, scope, to: &writer) }
      return
    }
    var isUsed = Set<Int>()
    collectBuffers(steps, into: &isUsed)
    let usesOwn = isUsed.contains { program.buffers[$0].isOfWorker }
    if usesOwn {
      let workers = scope.frame.map { "\($0)->workers" } ?? "\(scope.arena) + \(program.arenaBytes)"
      let place = scope.worker == "0" ? "" : " + \(scope.worker) * \(program.workerArenaBytes)"
      writer.line("char *const own = \(workers)\(place);")
    }
    let (ports, arrays) = isUsed.sorted().partitioned { program.buffers[$0].isPort }
    writePorts(ports, scope, to: &writer)
    for number in arrays {
      let comment = program.buffers[number].comment
      writer.line("\(declaration(number, scope));  // \(comment)")
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
      writer.comment(loop.role.description)
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
    let inside = Scope(
      frame: "frame", worker: "worker", variables: scope.variables, isOnWorker: scope.isOnWorker)
    let content = CWriter.indented {
      writeScope(steps, inside, to: &$0)
      if mayRefuse { $0.line("return 0;") }
    }
    let words = content.identifiers
    // Only what the part needs: name, and what is passed for it.
    let loops = [("worker", scope.worker)] + variables.map { ($0, $0) }
    let passed = loops.filter { words.contains($0.0[...]) }
    var body = CWriter()
    body.function(
      "MF_CALL_LIST static \(mayRefuse ? "int32_t" : "void") \(function)",
      ["const \(symbol)_frame *frame"] + passed.map { "int64_t \($0.0)" }
    ) { body in
      if words.contains("parallel") {
        body.line("const mixfuse_parallel *const parallel = frame->parallel;")
      }
      body.verbatim(content)
    }
    workers.verbatim(body.text)
    let arguments = ["frame"] + passed.map(\.1)
    guard mayRefuse else { return writer.call(function, arguments) }
    writer.block("if (\(function)(\(arguments.joined(separator: ", "))) != 0)") {
      $0.line("return 2;")
    }
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
        writer.comment(loop.role.description)
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
    writer.comments(on: call)
    var arguments = call.arguments.map(text(of:)) + call.indices.map(name)
    guard let units = kernel.splitCount else {
      writer.call(kernel.name, arguments)
      return
    }
    if call.isParallel {
      usesSharedCalls = true
      writeSharedCall(call, kernel.name, units, to: &writer)
    } else {
      arguments += ["0", "\(units)"]
      writer.call(kernel.name, arguments)
    }
  }

  private mutating func writeParallelLoop(
    _ loop: StepLoop, _ scope: Scope, to writer: inout CWriter
  ) {
    let function = "\(symbol)_worker_\(workerCount)"
    workerCount += 1
    let inner = Scope(
      frame: "frame", worker: "worker", variables: [loop.variable], isOnWorker: true)
    let content = CWriter.indented { writeScope(loop.body, inner, to: &$0) }
    let words = content.identifiers
    // The signature is that of every worker's function; an iteration may need less.
    let parameters = [name(loop.variable), "worker"].map {
      "\(words.contains($0[...]) ? "" : "__attribute__((unused)) ")int64_t \($0)"
    }
    var body = CWriter()
    body.comment("One iteration of the loop over \(loop.role).")
    body.function("\(callList)static void \(function)", ["void *arguments"] + parameters) { body in
      body.line("const \(symbol)_frame *const frame = arguments;")
      body.verbatim(content)
    }
    workers.verbatim(body.text)
    writer.comment(loop.role.description)
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

  private func name(_ variable: LoopVariable) -> String { words.counter(variable) }

  private func text(of pointer: Pointer) -> String {
    var terms = [words.arrays[pointer.buffer]]
    terms += pointer.terms.map {
      $0.stride == 1 ? name($0.variable) : "\(name($0.variable)) * \($0.stride)"
    }
    if pointer.offset != 0 { terms.append("\(pointer.offset)") }
    return terms.joined(separator: " + ")
  }

  /// Declares the arrays of the caller: those of one type in one declaration.
  private func writePorts(_ ports: [Int], _ scope: Scope, to writer: inout CWriter) {
    var rest = ports[...]
    while let first = rest.first {
      let type = portType(first)
      let alike = rest.prefix { portType($0) == type }
      let declarators = alike.map { number -> String in
        let field: String =
          switch program.buffers[number].placement {
          case .input(let index): "inputs->\(cName(program.inputs[index].name))"
          case .output(let index): "outputs->\(cName(program.outputs[index].name))"
          case .arena, .workerArena, .faults: preconditionFailure("compiler bug: not a port")
          }
        return "*const \(words.arrays[number]) = \(scope.prefix)\(field)"
      }
      writer.declaration(type, declarators)
      rest = rest.dropFirst(alike.count)
    }
  }

  private func portType(_ number: Int) -> String {
    let buffer = program.buffers[number]
    if case .input = buffer.placement { return "const \(buffer.dtype.cName)" }
    return buffer.dtype.cName
  }

  private func declaration(_ number: Int, _ scope: Scope) -> String {
    let (buffer, word) = (program.buffers[number], words.arrays[number])
    let type = buffer.dtype.cName
    switch buffer.placement {
    case .input, .output:
      preconditionFailure("compiler bug: \(word) is no array of the arena")
    case .arena(let offset):
      return "\(type) *const \(word) = (\(type) *)\(place(scope.arena, offset))"
    case .faults:
      return "int32_t *const \(word) = (int32_t *)\(scope.prefix)faults"
    case .workerArena(let offset):
      return "\(type) *const \(word) = (\(type) *)\(place("own", offset))"
    }
  }

  /// `(base + offset)`.
  private func place(_ base: String, _ offset: Int) -> String {
    offset == 0 && !base.contains(" ") ? base : offset == 0 ? "(\(base))" : "(\(base) + \(offset))"
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

extension Buffer {
  fileprivate var isPort: Bool {
    switch placement {
    case .input, .output: true
    case .arena, .workerArena, .faults: false
    }
  }

  fileprivate var isOfWorker: Bool { if case .workerArena = placement { true } else { false } }
}

extension [Int] {
  /// Those of which a condition holds, and the others.
  fileprivate func partitioned(by condition: (Int) -> Bool) -> ([Int], [Int]) {
    (filter(condition), filter { !condition($0) })
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
