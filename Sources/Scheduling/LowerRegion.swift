// SPDX-License-Identifier: Apache-2.0
//
// Gives every value of a planned region an address, and turns its steps into kernel calls.
//
// Copies are avoided where the value can be made where it is wanted:
//   - an output of the region is written straight to its destination;
//   - a carry starts in the array that held its first value, if nothing else reads that later;
//   - the next carry overwrites the old one in place, if no step reads the old one afterwards
//     (the step that makes it may, element by element).

import TensorIR

/// Where a value that leaves a region must end up.
struct Destination {
  var value: ValueID
  var pointer: Pointer
  /// For a carry: the body's input that lives at the same place.
  var replaces: ValueID?
}

/// State shared by all regions of one entry point.
final class EntryLowering {
  var buffers: [Buffer] = []
  var workerBlocks: [MemoryBlock] = []
  var checks: [PositionCheck] = []
  let options: ScheduleOptions
  /// Names of the buffers so far.
  private var bufferNames: Set<String> = []
  /// Answers of `options.scratchBytes`, each of which costs the emission of a kernel.
  private var knownScratchBytes: [Kernel.Body: Int] = [:]
  /// The buffer that stands for the record of faults, once a check needs it.
  private var faultBuffer: Int?

  init(options: ScheduleOptions) { self.options = options }

  /// Bytes of scratch memory that a kernel needs for each worker.
  func scratchBytes(of body: Kernel.Body) -> Int {
    if let known = knownScratchBytes[body] { return known }
    let bytes = options.scratchBytes(body)
    knownScratchBytes[body] = bytes
    return bytes
  }

  /// The record of faults.
  var faults: Pointer {
    if let faultBuffer { return Pointer(buffer: faultBuffer) }
    let buffer = newBuffer(
      TensorType([1], .i32), named: "faults", comment: "the first position out of range",
      role: .port)
    buffers[buffer].placement = .faults
    faultBuffer = buffer
    return Pointer(buffer: buffer)
  }

  /// - Parameter name: what is in it; a number is added where that is not distinct.
  func newBuffer(
    _ type: TensorType, named name: String, comment: String, role: ArrayRole,
    provenance: Provenance = Provenance()
  ) -> Int {
    buffers.append(
      Buffer(
        name: distinctName(name), comment: comment, dtype: type.dtype,
        elementCount: type.elementCount, placement: .arena(offset: 0), role: role,
        provenance: provenance))
    return buffers.count - 1
  }

  /// An identifier that no other buffer has.
  private func distinctName(_ name: String) -> String {
    let base = name.isEmpty ? "value" : name.replacing(".", with: "_")
    var (candidate, number) = (base, 2)
    while !bufferNames.insert(candidate).inserted {
      candidate = "\(base)_\(number)"
      number += 1
    }
    return candidate
  }
}

/// Lowers one region.
struct RegionLowering {
  let plan: RegionPlan
  let entry: EntryLowering
  /// Whether the region runs inside a parallel loop.
  let isInWorker: Bool
  /// Whether the region is the body of some loop.
  let isInLoop: Bool
  var storage: [ValueID: Pointer]
  /// Carries that live in the array of their first value.
  private var shared: [ValueID: ValueID] = [:]
  private var block = MemoryBlock()
  private var steps: [Step] = []
  let uses: RegionUses

  /// - Parameters:
  ///   - inputs: addresses of the region's inputs that have storage.
  ///   - destinations: where its outputs must end up.
  /// - Returns: the steps, and the memory they need besides.
  static func lower(
    _ plan: RegionPlan, entry: EntryLowering, isInWorker: Bool = false, isInLoop: Bool = false,
    inputs: [ValueID: Pointer], destinations: [Destination]
  ) -> (steps: [Step], block: MemoryBlock) {
    var lowering = RegionLowering(
      plan: plan, entry: entry, isInWorker: isInWorker, isInLoop: isInLoop, storage: inputs,
      uses: RegionUses(plan, outputs: destinations.map(\.value)))
    lowering.lower(destinations)
    return (lowering.steps, lowering.block)
  }

  private init(
    plan: RegionPlan, entry: EntryLowering, isInWorker: Bool, isInLoop: Bool,
    storage: [ValueID: Pointer], uses: RegionUses
  ) {
    self.plan = plan
    self.entry = entry
    self.isInWorker = isInWorker
    self.isInLoop = isInLoop
    self.storage = storage
    self.uses = uses
  }

  private mutating func lower(_ destinations: [Destination]) {
    shareCarryArrays(keeping: Set(destinations.map(\.value)))
    shareAddends(keeping: Set(destinations.map(\.value)))
    let late = settle(destinations)
    allocate()
    for position in plan.steps.indices { lowerStep(at: position) }
    for destination in late { copyOut(destination) }
  }

  // MARK: Addresses

  /// The value whose array holds `value`.
  private func holder(_ value: ValueID) -> ValueID {
    var holder = value
    while let next = shared[holder] { holder = next }
    return holder
  }

  /// Puts a value into the array of another.
  mutating func share(_ value: ValueID, with other: ValueID) { shared[value] = other }

  func address(_ value: ValueID) -> Pointer {
    guard let pointer = storage[holder(value)] else {
      preconditionFailure("compiler bug: \(value) of \(plan.graph.name) has no storage")
    }
    return pointer
  }

  /// Lets a loop's carry begin in the array of its first value, when that value dies there.
  private mutating func shareCarryArrays(keeping outputs: Set<ValueID>) {
    for (position, step) in plan.steps.enumerated() {
      guard case .loop(let node, let planned) = step else { continue }
      var taken = Set<ValueID>()
      for carry in planned.loop.carryRange {
        guard case .view(let view) = planned.operands[carry],
          plan.producer[view.root] != nil, uses.lastRead[view.root] == position,
          view == View(dense: view.root, shape: plan.types[view.root.index].shape),
          !outputs.contains(view.root), !taken.contains(view.root)
        else { continue }
        let readers = planned.operands.filter {
          if case .view(let other) = $0 { other.root == view.root } else { false }
        }
        guard readers.count == 1 else { continue }
        taken.insert(view.root)
        shared[plan.graph.nodes[node].results[carry]] = view.root
      }
    }
  }

  /// Assigns destinations to the values that can be made in place; copies of inputs are emitted at
  /// once, before anything overwrites them.
  ///
  /// - Returns: the copies left for the end of the region.
  private mutating func settle(_ destinations: [Destination]) -> [Destination] {
    var late: [Destination] = []
    for destination in destinations {
      guard case .view(let view) = plan.bindings[destination.value.index] else {
        late.append(destination)  // A number: filled in at the end.
        continue
      }
      if plan.producer[view.root] == nil {
        if destination.replaces == view.root, view.isContiguous { continue }  // Unchanged carry.
        if destination.replaces == nil {
          emitCopy(.view(view), of: destination.value, to: destination.pointer)
        } else {  // Another carry's old value: keep it safe until all carries are done.
          let type = plan.types[destination.value.index]
          let buffer = newBuffer(
            type, named: plan.names[view.root.index] + "_kept", lifetime: 0...plan.steps.count,
            role: .value)
          emitCopy(.view(view), of: destination.value, to: Pointer(buffer: buffer))
          var copy = destination
          copy.value = ValueID(index: -1 - buffer)
          late.append(copy)
        }
        continue
      }
      let root = holder(view.root)
      // The array as it is, or in another shape.
      let isWhole =
        view.offset == 0 && view.isContiguous
        && view.shape.reduce(1, *) == plan.types[view.root.index].elementCount
      if isWhole, storage[root] == nil,
        destination.replaces.map({ uses.mayOverwrite($0, with: root, in: plan) }) ?? true
      {
        storage[root] = destination.pointer
      } else {
        late.append(destination)
      }
    }
    return late
  }

  /// Makes arrays for all values that need one and have none.
  private mutating func allocate() {
    var lifetimes: [ValueID: ClosedRange<Int>] = [:]
    var origins: [ValueID: ArrayOrigin] = [:]
    let known = plan.origins
    for (value, produced) in uses.firstWrite.sorted(by: { $0.key < $1.key }) {
      guard uses.needsStorage.contains(value), plan.windows[value] == nil else { continue }
      let root = holder(value)
      // An array in which a carry begins is that carry's.
      if let origin = known[value], origins[root] == nil || origin.role != .value {
        origins[root] = origin
      }
      let end = max(uses.lastRead[value] ?? produced, plan.producer[value] ?? produced)
      let range = produced...max(produced, end)
      lifetimes[root] =
        lifetimes[root].map {
          min($0.lowerBound, range.lowerBound)...max($0.upperBound, range.upperBound)
        } ?? range
    }
    for (value, lifetime) in lifetimes.sorted(by: { $0.key < $1.key }) where storage[value] == nil {
      let origin = origins[value] ?? ArrayOrigin(role: .value, provenance: Provenance())
      storage[value] = Pointer(
        buffer: newBuffer(
          plan.types[value.index], named: plan.names[value.index], lifetime: lifetime,
          role: origin.role,
          provenance: origin.provenance))
    }
  }

  mutating func newBuffer(
    _ type: TensorType, named name: String, lifetime: ClosedRange<Int>, role: ArrayRole,
    provenance: Provenance = Provenance()
  ) -> Int {
    let buffer = entry.newBuffer(
      type, named: name, comment: type.description, role: role, provenance: provenance)
    block.items.append(
      .init(content: .buffer(buffer), byteCount: type.byteCount, lifetime: lifetime))
    return buffer
  }

  // MARK: Steps

  private mutating func lowerStep(at position: Int) {
    switch plan.steps[position] {
    case .cluster(let cluster):
      if !cluster.entries.isEmpty { lowerCluster(cluster, at: position) }
    case .contraction(let node, let lhs, let rhs):
      lowerContraction(node, lhs, rhs, at: position)
    case .gather(let node, let table, let indices):
      let node = plan.graph.nodes[node]
      var builder = KernelBuilder(address: address)
      let result = View(dense: node.result, shape: plan.types[node.result.index].shape)
      call(
        builder.gather(table: table, indices: indices, result: result, types: plan.types), builder,
        node.provenance, [plan.equation(of: node)])
    case .scatterAdd(let node, let indices, let updates):
      let node = plan.graph.nodes[node]
      var builder = KernelBuilder(address: address)
      let result = View(dense: node.result, shape: plan.types[node.result.index].shape)
      call(
        builder.scatterAdd(
          indices: indices, updates: updates, result: result, types: plan.types),
        builder, node.provenance, [plan.equation(of: node)])
    case .check(let node, let indices):
      lowerCheck(plan.graph.nodes[node], indices)
    case .packing(let packing):
      lowerPacking(packing)
    case .attention(let node, let operands):
      lowerAttention(plan.graph.nodes[node], operands, at: position)
    case .copy(let source, let shape, let dtype, let destination, let provenance):
      var builder = KernelBuilder(address: address)
      call(
        builder.copy(
          plan.placed(source), shape: shape, dtype: dtype, to: destination, types: plan.types),
        builder, provenance, [copyEquation(source, to: address(destination.root))])
    case .loop(let node, let planned):
      lowerLoop(plan.graph.nodes[node], planned, at: position)
    }
  }

  private func copyEquation(_ source: Binding, to pointer: Pointer) -> String {
    let text: String =
      switch source {
      case .view(let view): plan.name(of: view.root)
      case .constant(let value): "\(value)"
      case .axisIndex(let axis, _): "index along axis \(axis)"
      case .stepIndex: "step"
      }
    return "\(entry.buffers[pointer.buffer].name) = copy of \(text)"
  }

  /// - Parameter equations: what the call computes, if the kernel does not say.
  mutating func call(
    _ kernel: Kernel, _ builder: KernelBuilder, _ provenance: Provenance,
    _ equations: [String] = []
  ) {
    var kernel = kernel
    if !equations.isEmpty { kernel.equations = equations }
    steps.append(
      .call(
        KernelCall(
          kernel: kernel, arguments: builder.pointers, indices: builder.indices,
          provenance: provenance, isParallel: mayShareOut(kernel))))
  }

  /// The provenance of the cluster's last op: the result that the others lead up to.
  func clusterProvenance(_ cluster: Cluster) -> Provenance {
    cluster.entries.last.map { plan.graph.nodes[$0.node].provenance } ?? Provenance()
  }

  private mutating func lowerContraction(
    _ index: Int, _ lhs: View, _ rhs: View, at position: Int
  ) {
    let node = plan.graph.nodes[index]
    var contraction = LoweredContraction(node, lhs: lhs, rhs: rhs, types: plan.types)
    var arguments = [contraction.a, contraction.b].map {
      address($0.root).advanced(by: $0.offset)
    }
    readPanels(of: index, &contraction, &arguments)
    if let cluster = plan.epilogues[index] {
      return lowerEpilogue(cluster, of: node, &contraction, arguments, at: position)
    }
    arguments.append(address(node.result))
    let kernel = contraction.kernel(in: plan)
    callWithScratch(
      kernel, arguments, plan.types[node.result.index].dtype, node.provenance, at: position)
  }

  private mutating func lowerCheck(_ node: Node, _ indices: Binding) {
    guard case .checkPositions(let bound) = node.op else { return }
    let type = plan.types[node.result.index]
    let faults = ValueID(index: plan.types.count)
    let pointer = entry.faults
    var builder = KernelBuilder { [self] in $0 == faults ? pointer : address($0) }
    let kernel = builder.checkPositions(
      plan.placed(indices), to: View(dense: node.result, shape: type.shape), limit: bound.limit,
      check: entry.checks.count, faults: faults)
    entry.checks.append(
      PositionCheck(
        subject: bound.subject, purpose: bound.purpose, location: node.provenance.location,
        range: 0...(bound.limit - 1), shape: type.shape))
    call(kernel, builder, node.provenance, [plan.equation(of: node)])
  }

  private mutating func lowerPacking(_ packing: PlannedPacking) {
    let source = address(packing.operand.root).advanced(by: packing.operand.offset)
    let kernel = packing.kernel(in: plan)
    steps.append(
      .call(
        KernelCall(
          kernel: kernel, arguments: [source, address(packing.destination)], indices: [],
          provenance: packing.provenance, isParallel: mayShareOut(kernel))))
  }

  private mutating func lowerAttention(_ node: Node, _ operands: [View], at position: Int) {
    let dtype = plan.types[node.results[0].index].dtype
    let kernel = attentionKernel(node, in: plan)
    let arguments =
      operands.map { address($0.root).advanced(by: $0.offset) } + node.results.map(address)
    callWithScratch(kernel, arguments, dtype, node.provenance, at: position)
  }

  /// Calls a kernel whose last pointer is scratch memory, one part for each worker, if it needs any.
  mutating func callWithScratch(
    _ kernel: Kernel, _ pointers: [Pointer], _ dtype: DType, _ provenance: Provenance,
    at position: Int
  ) {
    var arguments = pointers
    let isParallel = mayShareOut(kernel)
    let bytes = entry.scratchBytes(of: kernel.body)
    let type = TensorType([bytes / dtype.byteCount], dtype)
    var kernel = kernel
    if bytes == 0 {
      kernel.parameters.removeLast()
    } else if isParallel {
      let buffer = entry.newBuffer(
        type, named: "scratch", comment: type.description, role: .scratch, provenance: provenance)
      entry.workerBlocks.append(
        MemoryBlock(items: [
          .init(content: .buffer(buffer), byteCount: bytes, lifetime: 0...0)
        ]))
      arguments.append(Pointer(buffer: buffer))
    } else {
      let buffer = newBuffer(
        type, named: "scratch", lifetime: position...position, role: .scratch,
        provenance: provenance)
      arguments.append(Pointer(buffer: buffer))
    }
    steps.append(
      .call(
        KernelCall(
          kernel: kernel, arguments: arguments, indices: [], provenance: provenance,
          isParallel: isParallel)))
  }

  /// Whether a kernel is worth waking the workers for: they cost a few microseconds.
  private func mayShareOut(_ kernel: Kernel) -> Bool {
    guard entry.options.mayRunParallel, !isInWorker else { return false }
    switch kernel.body {
    case .contraction, .attention: return kernel.flops >= SharingThreshold.productOperations
    case .packing: return kernel.bytesMoved >= SharingThreshold.packedBytes
    case .fused(let fused):
      guard fused.splitVariable != nil, fused.splitExtent >= SharingThreshold.iterations
      else { return false }
      return SharingThreshold.isReached(flops: kernel.flops, bytes: kernel.bytesMoved)
    }
  }

  private mutating func lowerLoop(_ node: Node, _ planned: PlannedLoop, at position: Int) {
    let loop = planned.loop
    var inputs: [ValueID: Pointer] = [:]
    for (offset, operand) in planned.operands.enumerated() {
      let input = loop.body.inputs[offset + 1]
      if loop.carryRange.contains(offset) {
        let carry = address(node.results[offset])
        inputs[input] = carry
        if shared[node.results[offset]] == nil {
          emitCopy(operand, of: node.operands[offset], to: carry)
        }
      } else if case .view(let view) = operand {
        let pointer = address(view.root).advanced(by: view.offset)
        inputs[input] =
          loop.stackedInputRange.contains(offset)
          ? pointer.advanced(
            by: planned.variable, times: loop.body.type(of: input).elementCount)
          : pointer
      }
    }
    for panels in planned.panels { inputs[panels.inner] = address(panels.outer) }
    var destinations: [Destination] = []
    for (index, output) in loop.body.outputs.enumerated() {
      let pointer = address(node.results[index])
      let isCarry = index < loop.carryCount
      destinations.append(
        Destination(
          value: output,
          pointer: isCarry
            ? pointer
            : pointer.advanced(
              by: planned.variable, times: loop.body.type(of: output).elementCount),
          replaces: isCarry ? loop.body.inputs[index + 1] : nil))
    }
    // Only outermost loops: the body of a parallel loop sees no other loop's index.
    var limit: LoopVariable?
    if loop.isLimited {
      guard case .stepIndex(let variable)? = planned.operands.last else {
        preconditionFailure("compiler bug: the limit of \(loop.role) is not a loop index")
      }
      limit = variable
    }
    let isParallel =
      loop.isMap && loop.tripCount > 1 && entry.options.mayRunParallel && !isInLoop
    let body = RegionLowering.lower(
      planned.body, entry: entry, isInWorker: isInWorker || isParallel, isInLoop: true,
      inputs: inputs, destinations: destinations)
    steps.append(
      .loop(
        StepLoop(
          role: loop.role, variable: planned.variable, tripCount: loop.tripCount,
          isReversed: loop.isReversed, limit: limit, isParallel: isParallel, body: body.steps)))
    if isParallel {
      entry.workerBlocks.append(body.block)
    } else {
      block.items.append(
        .init(content: .block(body.block), byteCount: 0, lifetime: position...position))
    }
  }

  // MARK: Copies

  private mutating func emitCopy(_ source: Binding, of value: ValueID, to pointer: Pointer) {
    let type = plan.types[value.index]
    let destination = ValueID(index: plan.types.count)
    var builder = KernelBuilder { [self] in $0 == destination ? pointer : address($0) }
    let kernel = builder.copy(
      source, shape: type.shape, dtype: type.dtype,
      to: View(dense: destination, shape: type.shape), types: plan.types)
    call(kernel, builder, Provenance(function: "copy"), [copyEquation(source, to: pointer)])
  }

  private mutating func copyOut(_ destination: Destination) {
    if destination.value.index < 0 {  // A carry saved by `settle`.
      let buffer = -1 - destination.value.index
      let type = TensorType([entry.buffers[buffer].elementCount], entry.buffers[buffer].dtype)
      let (source, target) = (ValueID(index: -1), ValueID(index: -2))
      var builder = KernelBuilder {
        $0 == source ? Pointer(buffer: buffer) : destination.pointer
      }
      let kernel = builder.copy(
        .view(View(dense: source, shape: type.shape)), shape: type.shape, dtype: type.dtype,
        to: View(dense: target, shape: type.shape), types: [])
      let names = [destination.pointer.buffer, buffer].map { entry.buffers[$0].name }
      call(
        kernel, builder, Provenance(function: "copy"), [names.joined(separator: " = copy of ")])
      return
    }
    guard let binding = plan.bindings[destination.value.index] else { return }
    emitCopy(binding, of: destination.value, to: destination.pointer)
  }
}
