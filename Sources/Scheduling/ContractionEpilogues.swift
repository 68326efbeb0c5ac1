// SPDX-License-Identifier: Apache-2.0
//
// Lets a contraction do the elementwise work that follows it, block by block, while the block is in
// the cache.
//
//   before:  %h = contract %x, %w          after:  %h, %y = contract %x, %w, then tanh
//            cluster: %y = tanh %h
//
// The contraction moves to the place of the cluster, where all that the cluster reads is there. Its
// own result need not be written to memory if nobody else reads it: blocks are then summed in the
// array of a result of the cluster. A sum with an array that dies there is not an epilogue but a
// contraction that adds to that array (`accumulates`): so do products that make up one tangent.
//
// Only where the back end computes C block by block, with rows and columns that are those of the
// cluster. Reductions stay clusters: a block rarely has whole rows.

import Kernels
import TensorIR

/// Decides which clusters become epilogues.
struct EpiloguePlanning {
  private let options: ScheduleOptions

  init(_ options: ScheduleOptions) { self.options = options }

  /// Rewrites a region and the loop bodies inside of it. Positions of steps do not change.
  func run(on plan: inout RegionPlan) {
    for position in plan.steps.indices {
      switch plan.steps[position] {
      case .cluster(let cluster):
        if let host = host(of: cluster, at: position, plan) {
          plan.join(cluster, at: position, to: host)
        }
      case .loop(let node, var planned):
        run(on: &planned.body)
        plan.steps[position] = .loop(node: node, planned)
      case .contraction, .gather, .scatterAdd, .attention, .check, .copy, .packing: break
      }
    }
  }

  /// The position of the contraction that can do a cluster's work: the last one that it reads.
  private func host(of cluster: Cluster, at position: Int, _ plan: RegionPlan) -> Int? {
    let isElementwise = cluster.entries.allSatisfy { $0.placement == .element(phase: 0) }
    guard cluster.rowAxes == nil, isElementwise, !cluster.entries.isEmpty else { return nil }
    let candidates = Set(
      cluster.viewsRead(in: plan).compactMap { plan.producer[$0.root] }.filter { $0 < position })
    return candidates.sorted(by: >).first { canHost($0, cluster, at: position, plan) }
  }

  private func canHost(
    _ host: Int, _ cluster: Cluster, at position: Int, _ plan: RegionPlan
  ) -> Bool {
    guard case .contraction(let index, let lhs, let rhs) = plan.steps[host],
      plan.epilogues[index] == nil
    else { return false }
    let node = plan.graph.nodes[index]
    let shape = LoweredContraction(node, lhs: lhs, rhs: rhs, types: plan.types).shape
    guard shape.flops >= options.machine.sharedProductOperations,
      let columns = options.planner.plan(shape).packedOperands.resultColumns,
      cluster.nest(columns: columns, in: plan) != nil
    else { return false }
    let result = node.result
    let isReadInOrder = cluster.viewsRead(in: plan).allSatisfy { view in
      view.root != result
        || view.isContiguous && view.offset == 0
          && view.shape.reduce(1, *) == plan.types[result.index].elementCount
    }
    return isReadInOrder
      && !plan.steps[(host + 1)..<position].contains { plan.reads($0, result) }
  }
}

extension Cluster {
  /// All views that the ops read.
  fileprivate func viewsRead(in plan: RegionPlan) -> [View] {
    entries.flatMap { plan.graph.nodes[$0.node].operands }.compactMap { operand in
      if case .view(let view) = plan.bindings[operand.index] { view } else { nil }
    }
  }

  /// The loops over the rows and over the columns of an array of the cluster's size; `nil` if some
  /// array is not walked through by two such loops.
  func nest(columns: Int, in plan: RegionPlan) -> LoopNest? {
    var inner = Set<Int>()
    var size = 1
    for axis in domain.indices.reversed() where size < columns {
      inner.insert(axis)
      size *= domain[axis]
    }
    guard size == columns else { return nil }
    var strides = [domain.denseStrides]
    for node in entries.map({ plan.graph.nodes[$0.node] }) {
      strides.append(plan.place(of: node.result).strides)
      for operand in node.operands {
        switch plan.bindings[operand.index] {
        case .view(let view): strides.append(plan.placed(view).strides)
        case .constant: break
        case .axisIndex, .stepIndex, nil: return nil
        }
      }
    }
    let nest = LoopNest(domain: domain, strides: strides, apart: [inner])
    guard nest.groups.count == 2, nest.groups[1].extent == columns else { return nil }
    return nest
  }
}

extension RegionPlan {
  /// Whether a step reads a value.
  fileprivate func reads(_ step: PlannedStep, _ value: ValueID) -> Bool {
    if case .cluster(let cluster) = step {
      return cluster.viewsRead(in: self).contains { $0.root == value }
    }
    if case .contraction(let node, _, _) = step, let epilogue = epilogues[node],
      epilogue.viewsRead(in: self).contains(where: { $0.root == value })
    {
      return true
    }
    return step.rootsRead.contains(value)
  }

  /// Makes a cluster the epilogue of a contraction before it.
  fileprivate mutating func join(_ cluster: Cluster, at position: Int, to host: Int) {
    guard case .contraction(let node, _, _) = steps[host] else { return }
    let result = graph.nodes[node].result
    epilogues[node] = cluster
    steps[position] = steps[host]
    steps[host] = .cluster(Cluster(domain: cluster.domain))
    producer[result] = position
    placement[result] = .element(phase: 0)
  }
}

extension RegionLowering {
  /// Lets arrays that die in a sum with a contraction hold the sum.
  mutating func shareAddends(keeping outputs: Set<ValueID>) {
    for (position, step) in plan.steps.enumerated() {
      guard case .contraction(let node, _, _) = step, let cluster = plan.epilogues[node],
        let (sum, addend) = cluster.addition(to: plan.graph.nodes[node].result, in: plan),
        plan.producer[addend.root] != nil, uses.lastRead[addend.root] == position,
        !outputs.contains(addend.root), !outputs.contains(sum),
        !plan.rootsRead(by: step).contains(addend.root),
        plan.types[addend.root.index].elementCount == plan.types[sum.index].elementCount,
        addend.isContiguous, addend.offset == 0
      else { continue }
      share(sum, with: addend.root)
    }
  }

  /// Adds an epilogue to a contraction, whose pointers up to C are `arguments`.
  mutating func lowerEpilogue(
    _ cluster: Cluster, of node: Node, _ contraction: inout LoweredContraction,
    _ arguments: [Pointer], at position: Int
  ) {
    let result = node.result
    if !uses.needsStorage.contains(result),
      let (sum, addend) = cluster.addition(to: result, in: plan), addend.isContiguous,
      address(addend.root).advanced(by: addend.offset) == address(sum)
    {
      contraction.shape.accumulates = true
      var kernel = contraction.kernel(in: plan, entry.options.planner)
      kernel.equations += plan.equations(of: cluster, storing: [sum])
      callWithScratch(
        kernel, arguments + [address(sum)], plan.types[result.index].dtype,
        clusterProvenance(cluster), at: position)
      return
    }
    let place = placeOfSum(result, cluster, at: position)
    var builder = KernelBuilder(for: plan.machine) { [self] in $0 == result ? place : address($0) }
    _ = builder.parameter(for: result, plan.types[result.index].dtype, written: true)
    guard let columns = entry.options.planner.plan(contraction.shape).packedOperands.resultColumns
    else {
      preconditionFailure("compiler bug: an epilogue of a contraction that takes none")
    }
    let work = builder.epilogue(cluster, at: position, in: plan, uses: uses, columns: columns)
    guard case .fused(let fused) = work.body else { return }
    contraction.shape.epilogue = ContractionEpilogue(
      kernel: fused, parameters: work.parameters, scalarNames: Annotation(work.scalarNames))
    var kernel = contraction.kernel(in: plan, entry.options.planner)
    kernel.parameters.insert(contentsOf: work.parameters.dropFirst(), at: 3)
    kernel.equations += work.equations
    kernel.flops += work.flops
    kernel.bytesMoved += work.bytesMoved
    callWithScratch(
      kernel, arguments + builder.pointers, plan.types[result.index].dtype,
      clusterProvenance(cluster), at: position)
  }

  /// Where the sums of a contraction grow until the epilogue takes them: in its own array if it has
  /// one, in that of a result of the epilogue that nothing else of it uses, or in one made for that.
  private mutating func placeOfSum(
    _ result: ValueID, _ cluster: Cluster, at position: Int
  ) -> Pointer {
    if uses.needsStorage.contains(result) { return address(result) }
    let type = plan.types[result.index]
    let made = Set(cluster.entries.map { plan.graph.nodes[$0.node].result })
    let read = Set(
      cluster.viewsRead(in: plan).filter { $0.root != result && !made.contains($0.root) }
        .map { address(plan.placed($0).root).buffer })
    for value in made.sorted()
    where uses.needsStorage.contains(value) && plan.windows[value] == nil {
      let pointer = address(value)
      if plan.types[value.index].dtype == type.dtype, !read.contains(pointer.buffer) {
        return pointer
      }
    }
    return Pointer(
      buffer: newBuffer(
        type, named: plan.names[result.index], lifetime: position...position, role: .scratch))
  }
}

extension Cluster {
  /// If the cluster is no more than a sum of `term` and an array: the sum, and the array.
  fileprivate func addition(
    to term: ValueID, in plan: RegionPlan
  ) -> (sum: ValueID, addend: View)? {
    guard entries.count == 1, case .binary(.add) = plan.graph.nodes[entries[0].node].op else {
      return nil
    }
    let node = plan.graph.nodes[entries[0].node]
    let views = node.operands.compactMap { operand -> View? in
      if case .view(let view) = plan.bindings[operand.index] { view } else { nil }
    }
    guard views.count == 2, let other = views.first(where: { $0.root != term }),
      views.contains(where: { $0.root == term }), plan.windows[node.result] == nil,
      plan.windows[other.root] == nil
    else { return nil }
    return (node.result, other)
  }
}
