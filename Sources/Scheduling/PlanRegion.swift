// SPDX-License-Identifier: Apache-2.0
//
// Forms clusters: decides which ops of a region share a loop nest, and orders the steps.
//
//   before:  %3 = multiply %1, %2      after:  cluster over [8, 64], rows over axis 1:
//            %4 = reduce_sum{1} %3               phase 0: %3, %4 = sum
//            %5 = broadcast %4                   phase 1: %6 = %3 / %4
//            %6 = divide %3, %5
//
// Nodes are visited in order. An elementwise op or reduction joins the latest cluster with its
// domain whose position is not before any of its operands' producers; everything else is a step of
// its own. Positions are execution order, so a node that joins an earlier cluster is hoisted there.
// Movement ops cost nothing (see `View`) except pad, concatenate and awkward reshapes, which copy.
//
// A value that two clusters need is stored, or computed in both: `Recomputation.swift`. Clusters
// that follow a contraction may become its epilogue afterwards: `ContractionEpilogues.swift`.

import Kernels
import TensorIR

/// Bounds that keep kernels within what registers and the vectoriser handle well.
private enum ClusterLimit {
  static let entries = 96
  /// Arrays that a kernel loads.
  static let loadedArrays = 28
  /// How many steps back a cluster is looked for.
  static let lookBack = 24
}

/// Plans a region. `inputs` says how each graph input is read.
struct RegionPlanner {
  var plan: RegionPlan
  /// What is known of the graph beforehand, for `Recomputation.swift`.
  let facts: RecomputationFacts
  /// By position of a cluster: values made earlier that it computes again, and what they are there.
  var clones: [Int: [ValueID: ValueID]] = [:]
  /// What each value that is computed again was first.
  var originals: [ValueID: ValueID] = [:]
  private let variables: LoopVariableSource
  private let components: ElementwiseComponents

  static func plan(
    _ graph: Graph, inputs: [Binding], variables: LoopVariableSource, on machine: Machine
  ) -> RegionPlan {
    var planner = RegionPlanner(graph, inputs: inputs, variables: variables, on: machine)
    for index in graph.nodes.indices { planner.visit(index) }
    planner.plan.removeUnreadElements()
    planner.plan.placeInWindows()
    return planner.plan
  }

  private init(
    _ graph: Graph, inputs: [Binding], variables: LoopVariableSource, on machine: Machine
  ) {
    plan = RegionPlan(
      machine: machine, graph: graph, types: graph.types, names: graph.valueNames,
      bindings: .init(repeating: nil, count: graph.types.count))
    for (input, binding) in zip(graph.inputs, inputs) { plan.bindings[input.index] = binding }
    self.variables = variables
    facts = RecomputationFacts(graph)
    components = ElementwiseComponents(graph)
  }

  func binding(_ value: ValueID) -> Binding {
    guard let binding = plan.bindings[value.index] else {
      preconditionFailure("compiler bug: \(value) has no binding in \(plan.graph.name)")
    }
    return binding
  }

  // MARK: Nodes

  private mutating func visit(_ index: Int) {
    let node = plan.graph.nodes[index]
    switch node.op {
    case .unary, .binary, .compare, .select, .convert, .stopGradient, .reduce:
      placeInCluster(index)
    case .constant(let value, _):
      plan.bindings[node.result.index] = .constant(value)
    case .iota(let axis, _):
      plan.bindings[node.result.index] = .axisIndex(axis: axis, offset: 0)
    case .broadcast, .reshape, .transpose, .slice:
      plan.bindings[node.result.index] = moved(node)
    case .pad(let low, _):
      pad(node, low: low)
    case .concatenate(let axis):
      concatenate(node, axis: axis)
    case .contract:
      let lhs = storedView(of: node.operands[0], node.provenance)
      let rhs = storedView(of: node.operands[1], node.provenance)
      appendStep(.contraction(node: index, lhs: lhs, rhs: rhs), writing: node.result)
    case .checkPositions:
      appendStep(
        .check(node: index, indices: binding(node.operands[0])), writing: node.result)
    case .gather:
      let table = storedView(of: node.operands[0], node.provenance)
      let indices = storedView(of: node.operands[1], node.provenance)
      appendStep(.gather(node: index, table: table, indices: indices), writing: node.result)
    case .scatterAdd:
      let indices = storedView(of: node.operands[0], node.provenance)
      let updates = storedView(of: node.operands[1], node.provenance)
      appendStep(
        .scatterAdd(node: index, indices: indices, updates: updates), writing: node.result)
    case .structured(let op):
      planStructured(index, op)
    case .loop(let loop):
      planLoop(index, loop)
    case .gradient:
      preconditionFailure("compiler bug: a gradient op reached scheduling unexpanded")
    }
  }

  private mutating func planStructured(_ index: Int, _ op: StructuredOp) {
    guard case .attention = op.function else {
      preconditionFailure("compiler bug: \(op.name) reached scheduling")
    }
    let node = plan.graph.nodes[index]
    let operands = node.operands.map { operand -> View in
      let view = storedView(of: operand, node.provenance)
      guard !view.isContiguous else { return view }
      return copied(.view(view), plan.types[operand.index], node.provenance)
    }
    plan.steps.append(.attention(node: index, operands: operands))
    for result in node.results { register(result) }
  }

  /// Makes the last step the producer of a dense value.
  private mutating func register(_ value: ValueID) {
    plan.producer[value] = plan.steps.count - 1
    plan.bindings[value.index] = .view(View(dense: value, shape: plan.types[value.index].shape))
  }

  mutating func appendStep(_ step: PlannedStep, writing value: ValueID) {
    plan.steps.append(step)
    plan.producer[value] = plan.steps.count - 1
    if plan.bindings[value.index] == nil {
      plan.bindings[value.index] = .view(View(dense: value, shape: plan.types[value.index].shape))
    }
  }

  /// A view that a step can read from memory: constants, indices and awkward layouts are copied.
  private mutating func storedView(of value: ValueID, _ provenance: Provenance) -> View {
    if case .view(let view) = binding(value) { return view }
    return copied(binding(value), plan.types[value.index], provenance)
  }

  private mutating func copied(
    _ source: Binding, _ type: TensorType, _ provenance: Provenance
  ) -> View {
    let root = source.root.map { plan.names[$0.index] } ?? ""
    let value = newValue(type, named: root.isEmpty ? provenance.name : root + "_copy")
    let view = View(dense: value, shape: type.shape)
    appendStep(
      .copy(
        source: source, shape: type.shape, dtype: type.dtype, destination: view,
        provenance: provenance),
      writing: value)
    return view
  }

  mutating func newValue(_ type: TensorType, named name: String) -> ValueID {
    plan.types.append(type)
    plan.names.append(name)
    plan.bindings.append(nil)
    return ValueID(index: plan.types.count - 1)
  }

  // MARK: Movement

  private mutating func moved(_ node: Node) -> Binding {
    let source = binding(node.operands[0])
    switch source {
    case .constant:
      return source
    case .stepIndex:
      return .view(
        moveView(
          copied(source, plan.types[node.operands[0].index], node.provenance), node))
    case .axisIndex(let axis, let offset):
      switch node.op {
      case .broadcast(_, let axes): return .axisIndex(axis: axes[axis], offset: offset)
      case .transpose(let permutation):
        return .axisIndex(axis: permutation.firstIndex(of: axis) ?? axis, offset: offset)
      case .slice(let starts, _): return .axisIndex(axis: axis, offset: offset + starts[axis])
      default:
        return .view(
          moveView(copied(source, plan.types[node.operands[0].index], node.provenance), node))
      }
    case .view(let view):
      return .view(moveView(view, node))
    }
  }

  private mutating func moveView(_ view: View, _ node: Node) -> View {
    switch node.op {
    case .broadcast(let shape, let axes): return view.broadcast(to: shape, axes: axes)
    case .transpose(let permutation): return view.transposed(permutation)
    case .slice(let starts, let shape): return view.sliced(starts: starts, shape: shape)
    case .reshape(let shape):
      if let reshaped = view.reshaped(to: shape) { return reshaped }
      let type = TensorType(view.shape, plan.types[node.result.index].dtype)
      var dense = copied(.view(view), type, node.provenance)
      dense.shape = shape
      dense.strides = shape.denseStrides
      return dense
    default: preconditionFailure("compiler bug: \(node.op.name) is not a view")
    }
  }

  // MARK: Loops

  private mutating func planLoop(_ index: Int, _ loop: Loop) {
    let node = plan.graph.nodes[index]
    let variable = variables.next(named: loop.body.inputNames[0])
    let operands = node.operands.map { operand -> Binding in
      switch binding(operand) {
      case .view(let view) where view.isContiguous: .view(view)
      case .constant(let value): .constant(value)
      case .stepIndex(let variable): .stepIndex(variable)
      case let other: .view(copied(other, plan.types[operand.index], node.provenance))
      }
    }
    let inputs =
      [.stepIndex(variable)]
      + zip(loop.body.inputs.dropFirst(), operands.enumerated()).map { input, operand -> Binding in
        // A carry changes, so it has storage; any other number is the same number inside.
        if case .view = operand.element {
        } else if !loop.carryRange.contains(operand.offset) {
          return operand.element
        }
        return .view(View(dense: input, shape: loop.body.type(of: input).shape))
      }
    let body = RegionPlanner.plan(
      loop.body, inputs: inputs, variables: variables, on: plan.machine)
    let planned = PlannedLoop(loop: loop, operands: operands, body: body, variable: variable)
    plan.steps.append(.loop(node: index, planned))
    for result in node.results { register(result) }
  }

  // MARK: Clusters

  private mutating func placeInCluster(_ index: Int) {
    let node = plan.graph.nodes[index]
    let domain = plan.types[node.operands[0].index].shape
    let earliest = node.operands.map { producerPosition(of: $0) }.max() ?? -1
    let lowest = max(earliest, plan.steps.count - ClusterLimit.lookBack, 0)
    var chosen: (position: Int, placement: ClusterPlacement)?
    for position in stride(from: plan.steps.count - 1, through: lowest, by: -1) {
      guard case .cluster(let cluster) = plan.steps[position],
        cluster.entries.count < ClusterLimit.entries
      else { continue }
      if let placement = placement(of: node, in: cluster, at: position),
        isWorthJoining(index, cluster, at: position)
      {
        chosen = (position, placement)
        break
      }
    }
    if chosen == nil {
      plan.steps.append(.cluster(Cluster(domain: domain)))
      let position = plan.steps.count - 1
      guard let placement = placement(of: node, in: Cluster(domain: domain), at: position) else {
        preconditionFailure("compiler bug: \(node.op.text) fits no cluster")
      }
      chosen = (position, placement)
    }
    guard let chosen else { return }
    recomputeOperands(of: index, at: chosen.position)
    // What is computed again may belong to a later traversal than what was stored.
    if case .cluster(let cluster) = plan.steps[chosen.position],
      let placement = placement(
        of: plan.graph.nodes[index], in: cluster, at: chosen.position)
    {
      join(index, chosen.position, placement)
    }
  }

  mutating func join(_ index: Int, _ position: Int, _ placement: ClusterPlacement) {
    guard case .cluster(var cluster) = plan.steps[position] else { return }
    let node = plan.graph.nodes[index]
    if case .rowReduction = placement, case .reduce(_, let axes) = node.op {
      cluster.rowAxes = axes
    }
    cluster.entries.append(.init(node: index, placement: placement))
    plan.steps[position] = .cluster(cluster)
    plan.producer[node.result] = position
    plan.placement[node.result] = placement
    plan.bindings[node.result.index] = .view(
      View(dense: node.result, shape: plan.types[node.result.index].shape))
  }

  /// The position of the step that makes what a value reads; -1 for inputs and numbers.
  private func producerPosition(of value: ValueID) -> Int {
    guard case .view(let view) = binding(value) else { return -1 }
    return plan.producer[view.root] ?? -1
  }

  /// Where the node would be computed in the cluster, or `nil` if it cannot be.
  func placement(
    of node: Node, in cluster: Cluster, at position: Int
  ) -> ClusterPlacement? {
    if case .reduce(_, let axes) = node.op {
      guard plan.types[node.operands[0].index].shape == cluster.domain,
        let phase = elementPhase(of: node.operands, in: cluster, at: position)
      else { return nil }
      let lastAxis = cluster.domain.indices.last { cluster.domain[$0] > 1 }
      guard lastAxis.map(axes.contains) ?? true else { return .memoryReduction(phase: phase) }
      return cluster.rowAxes == nil || cluster.rowAxes == axes ? .rowReduction(phase: phase) : nil
    }
    let shape = plan.types[node.result.index].shape
    if shape == cluster.domain,
      let phase = elementPhase(of: node.operands, in: cluster, at: position)
    {
      return .element(phase: phase)
    }
    if cluster.rowAxes != nil, shape == cluster.keptShape {
      return rowPhase(of: node.operands, at: position).map { .row(phase: $0) }
    }
    return nil
  }

  /// The traversal in which an op on elements of the cluster can run, or `nil`.
  private func elementPhase(
    of operands: [ValueID], in cluster: Cluster, at position: Int
  ) -> Int? {
    var phase = 0
    for operand in operands {
      guard case .view(let view) = binding(operand),
        let producer = plan.producer[view.root], producer >= position
      else { continue }
      guard producer == position, let placement = plan.placement[view.root] else { return nil }
      switch placement {
      case .element(let earlier):
        guard view == View(dense: view.root, shape: cluster.domain) else { return nil }
        phase = max(phase, earlier)
      case .row(let earlier), .rowReduction(let earlier):
        guard view == rowBroadcast(of: view.root, in: cluster) else { return nil }
        phase = max(phase, earlier + 1)
      case .memoryReduction:
        return nil
      }
    }
    return phase
  }

  /// The traversal after which an op on rows of the cluster can run; `nil` unless it reads one.
  private func rowPhase(of operands: [ValueID], at position: Int) -> Int? {
    var phase: Int?
    for operand in operands {
      guard case .view(let view) = binding(operand),
        let producer = plan.producer[view.root], producer >= position
      else { continue }
      guard producer == position else { return nil }
      switch plan.placement[view.root] {
      case .row(let earlier), .rowReduction(let earlier):
        guard view == View(dense: view.root, shape: view.shape) else { return nil }
        phase = max(phase ?? 0, earlier)
      case .element, .memoryReduction, nil:
        return nil
      }
    }
    return phase
  }

  private func rowBroadcast(of root: ValueID, in cluster: Cluster) -> View {
    View(dense: root, shape: cluster.keptShape)
      .broadcast(to: cluster.domain, axes: cluster.keptAxes)
  }

  /// Sharing a nest pays if data are shared, or will be, or if the arrays are small and calls
  /// dominate.
  private func isWorthJoining(_ index: Int, _ cluster: Cluster, at position: Int) -> Bool {
    let members = cluster.entries.map { plan.graph.nodes[$0.node] }
    let known = roots(read: members)
    let read = roots(read: [plan.graph.nodes[index]])
    let loaded = known.union(read).count { plan.producer[$0] != position }
    guard loaded <= ClusterLimit.loadedArrays else { return false }
    // Small arrays may share a nest without sharing data: one call less.
    if cluster.domain.reduce(1, *) <= plan.machine.smallElements { return true }
    return !read.isDisjoint(with: known.union(members.map(\.result)))
      || cluster.entries.contains { components.areConnected(originalNode($0.node), index) }
  }

  /// The values with storage, or in registers, behind the operands of nodes.
  private func roots(read nodes: [Node]) -> Set<ValueID> {
    Set(
      nodes.flatMap(\.operands).compactMap { operand in
        if case .view(let view) = binding(operand) { view.root } else { nil }
      })
  }
}

/// Hands out the loop variables of one entry point.
final class LoopVariableSource {
  private var count = 0

  func next(named name: String) -> LoopVariable {
    defer { count += 1 }
    return LoopVariable(index: count, name: name)
  }
}
