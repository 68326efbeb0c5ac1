// SPDX-License-Identifier: Apache-2.0
//
// Turns the steps of a region, whose values have arrays, into kernel calls and loops over them.
//
//   before:  cluster [40, 40]: %w1 = %w - 0.01 * %g     after:  call sgd_update(g, eta_w, w1)
//
// A kernel that needs memory of its own (partial sums, packed panels, tiles of scores) gets it here:
// arrays that exist during the call alone, one for each worker if the call is shared out.

import Kernels
import TensorIR

/// What the calls of all regions of an entry point add to.
final class EmissionContext {
  var arrays: ArrayTable
  var checks: [PositionCheck]
  /// What each parallel loop and each shared kernel needs for every worker.
  var workerBlocks: [MemoryBlock] = []
  let options: ScheduleOptions
  let sharing: SharingRule

  init(_ options: ScheduleOptions, arrays: ArrayTable, checks: [PositionCheck]) {
    self.options = options
    self.arrays = arrays
    self.checks = checks
    sharing = SharingRule(options)
  }
}

/// Emits the calls of one region.
struct CallEmission {
  let region: RegionSchedule
  let context: EmissionContext
  let uses: Liveness
  /// The region's arrays, scratch memory and the blocks of loop bodies included.
  private var memory: MemoryBlock
  private var steps: [Step] = []

  /// - Returns: the steps, and the memory they need.
  /// - Cost: linear in the size of all kernels.
  static func emit(
    _ region: RegionSchedule, in context: EmissionContext
  ) -> (steps: [Step], memory: MemoryBlock) {
    var emission = CallEmission(region, context)
    for (position, step) in region.steps.enumerated() { emission.emit(step, at: position) }
    return (emission.steps, emission.memory)
  }

  private init(_ region: RegionSchedule, _ context: EmissionContext) {
    self.region = region
    self.context = context
    uses = Liveness(region)
    memory = region.memory
  }

  func address(_ value: ValueID) -> Pointer { region.address(of: value) }

  /// Says how kernels are computed on the machine.
  var planner: KernelPlanner { context.options.planner }

  private mutating func emit(_ step: ScheduleStep, at position: Int) {
    switch step {
    case .cluster(let cluster):
      callCluster(cluster, at: position)
    case .contraction(let contraction):
      callContraction(contraction, at: position)
    case .lone(let lone):
      var builder = KernelBuilder(for: region.machine, address: address)
      let result = lone.node.result
      let kernel = builder.kernel(
        of: lone.op, lone.operands, result: region.whole(result),
        dtype: region.type(of: result).dtype)
      call(kernel, builder, lone.node.provenance, [region.equation(of: lone.node)])
    case .check(let node, let indices):
      callCheck(node, indices)
    case .packing(let packing):
      callPacking(packing)
    case .attention(let node, let operands):
      let arguments =
        operands.map { address($0.root).advanced(by: $0.offset) } + node.results.map(address)
      callWithScratch(
        attentionKernel(node, in: region, planner), arguments, node.provenance, at: position)
    case .copy(let copy):
      callCopy(copy)
    case .loop(let loop):
      emitLoop(loop, at: position)
    }
  }

  // MARK: Kernels

  private mutating func callCopy(_ copy: ScheduledCopy) {
    var builder = KernelBuilder(for: region.machine, address: address)
    let kernel = builder.copy(
      region.placed(copy.source), shape: copy.shape, dtype: copy.dtype, to: copy.destination)
    let source: String =
      switch copy.source {
      case .view(let view): region.name(of: view.root)
      case .constant(let value): "\(value)"
      case .axisIndex(let axis, _): "index along axis \(axis)"
      case .stepIndex: "step"
      }
    let target = context.arrays.buffers[address(copy.destination.root).buffer].name
    call(kernel, builder, copy.provenance, ["\(target) = copy of \(source)"])
  }

  private mutating func callContraction(_ contraction: ScheduledContraction, at position: Int) {
    var lowered = LoweredContraction(contraction)
    var arguments = [lowered.a, lowered.b].map { address($0.root).advanced(by: $0.offset) }
    if let panels = contraction.panels.a {
      lowered.shape.hasPanelsA = true
      arguments[0] = address(panels)
    }
    if let panels = contraction.panels.b {
      lowered.shape.hasPanelsB = true
      arguments[1] = address(panels)
    }
    if let cluster = contraction.epilogue {
      return callEpilogue(cluster, of: contraction, &lowered, arguments, at: position)
    }
    callWithScratch(
      lowered.kernel(in: region, planner), arguments + [address(contraction.node.result)],
      contraction.node.provenance, at: position)
  }

  private mutating func callCheck(_ node: Node, _ indices: Binding) {
    guard case .checkPositions(let bound) = node.op else { return }
    let pointer = context.arrays.faults()
    // A value that no region has stands for the record.
    let faults = ValueID(index: region.values.count)
    var builder = KernelBuilder(for: region.machine) { [self] in
      $0 == faults ? pointer : address($0)
    }
    let kernel = builder.checkPositions(
      region.placed(indices), to: region.whole(node.result), limit: bound.limit,
      check: context.checks.count, faults: faults)
    context.checks.append(
      PositionCheck(
        subject: bound.subject, purpose: bound.purpose, location: node.provenance.location,
        range: 0...(bound.limit - 1), shape: region.type(of: node.result).shape))
    call(kernel, builder, node.provenance, [region.equation(of: node)])
  }

  private mutating func callPacking(_ packing: ScheduledPacking) {
    let source = address(packing.operand.root).advanced(by: packing.operand.offset)
    append(
      packing.kernel(in: region, planner), [source, address(packing.destination)],
      packing.provenance)
  }

  // MARK: Calls

  /// - Parameter equations: what the call computes, if the kernel does not say.
  mutating func call(
    _ kernel: Kernel, _ builder: KernelBuilder, _ provenance: Provenance,
    _ equations: [String] = []
  ) {
    var kernel = kernel
    if !equations.isEmpty { kernel.equations = equations }
    append(kernel, builder.pointers, indices: builder.indices, provenance)
  }

  /// Calls a kernel whose last pointer is scratch memory, one part for each worker, if it needs any.
  mutating func callWithScratch(
    _ kernel: Kernel, _ pointers: [Pointer], _ provenance: Provenance, at position: Int
  ) {
    let bytes = kernel.body.scratchBytes
    guard bytes > 0, let dtype = kernel.parameters.last?.dtype else {
      var kernel = kernel
      kernel.parameters.removeLast()
      return append(kernel, pointers, provenance)
    }
    let type = TensorType([bytes / dtype.byteCount], dtype)
    let isShared = context.sharing.isSharedOut(kernel, in: region)
    let scratch =
      isShared
      ? workerScratch(type, provenance)
      : newScratch(type, named: "scratch", provenance, at: position)
    append(kernel, pointers + [scratch], provenance)
  }

  private mutating func append(
    _ kernel: Kernel, _ arguments: [Pointer], indices: [LoopVariable] = [],
    _ provenance: Provenance
  ) {
    steps.append(
      .call(
        KernelCall(
          kernel: kernel, arguments: arguments, indices: indices, provenance: provenance,
          isParallel: context.sharing.isSharedOut(kernel, in: region))))
  }

  /// An array that exists during one step.
  mutating func newScratch(
    _ type: TensorType, named name: String, _ provenance: Provenance, at position: Int
  ) -> Pointer {
    let buffer = context.arrays.add(type, named: name, role: .scratch, provenance: provenance)
    memory.items.append(
      .init(
        content: .buffer(buffer), byteCount: type.byteCount, lifetime: position...position))
    return Pointer(buffer: buffer)
  }

  /// An array that each worker has during one step.
  private func workerScratch(_ type: TensorType, _ provenance: Provenance) -> Pointer {
    let buffer = context.arrays.add(
      type, named: "scratch", role: .scratch, provenance: provenance)
    context.workerBlocks.append(
      MemoryBlock(items: [
        .init(content: .buffer(buffer), byteCount: type.byteCount, lifetime: 0...0)
      ]))
    return Pointer(buffer: buffer)
  }

  private mutating func emitLoop(_ loop: ScheduledLoop, at position: Int) {
    precondition(
      !loop.loop.isLimited || loop.limit != nil,
      "compiler bug: the limit of \(loop.loop.role) is not a loop index")
    let body = CallEmission.emit(loop.body, in: context)
    steps.append(
      .loop(
        StepLoop(
          role: loop.loop.role, variable: loop.variable, tripCount: loop.loop.tripCount,
          isReversed: loop.loop.isReversed, limit: loop.limit, isParallel: loop.isParallel,
          body: body.steps)))
    if loop.isParallel {
      context.workerBlocks.append(body.memory)
    } else {
      memory.items.append(
        .init(content: .block(body.memory), byteCount: 0, lifetime: position...position))
    }
  }
}
