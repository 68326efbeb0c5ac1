// SPDX-License-Identifier: Apache-2.0
//
// Prints the steps of an entry point: calls of kernels, loops over them, loops that workers run, and the
// parts that a long entry point is cut into.

import Kernels
import Scheduling
import TensorIR

extension EntryPointText {
  /// Where code runs: how it reaches the frame, if there is one, which worker it is, which step loops
  /// are around it.
  struct Scope {
    var frame: String?
    var worker: String
    var variables: [LoopVariable]
    var isOnWorker = false

    /// What stands before the name of a field of the frame, or of a parameter of the entry point.
    var prefix: String { frame.map { "\($0)->" } ?? "" }
    var arena: String { frame.map { "\($0)->arena" } ?? "(char *)arena" }
  }

  /// Declares the arrays that the steps use, then writes the steps.
  mutating func writeScope(_ steps: [Step], _ scope: Scope, to writer: inout CWriter) {
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
}
