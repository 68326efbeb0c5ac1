// SPDX-License-Identifier: Apache-2.0
//
// The beginning of every schedule: a step for each op that computes, in the graph's order, and for
// every value how it is read.
//
//   before:  %3 = transpose{1, 0} %1       after:  contraction %4 = einsum("ab,bc->ac", %0, %1[strides 1, 8])
//            %4 = contract %0, %3                  cluster [4, 8]: %5 = %4 * 2
//            %5 = multiply %4, 2
//
// Movement ops cost nothing: they become the strides of a view. Only pad, concatenate and awkward
// reshapes copy, and whatever a step cannot read from memory as it is.

import Kernels
import TensorIR

/// Makes the first schedule of a graph.
struct OperandBinding {
  private(set) var region: RegionSchedule
  private let variables: LoopVariableSource
  private let mayRunParallel: Bool
  /// Gathers whose rows a scatter alone reads, by their results.
  private var scatteredGathers: [ValueID: Node] = [:]

  /// - Parameters:
  ///   - inputs: how each graph input is read.
  ///   - replaces: for each output that is a carry's next value, the input that lives at its place.
  ///   - isInLoop, isInWorker: see `RegionSchedule`.
  /// - Cost: linear in the number of nodes.
  static func bind(
    _ graph: Graph, inputs: [Binding], replaces: [ValueID?], variables: LoopVariableSource,
    on machine: Machine, mayRunParallel: Bool, isInLoop: Bool = false, isInWorker: Bool = false
  ) -> RegionSchedule {
    var binding = OperandBinding(
      region: RegionSchedule(
        name: graph.name, machine: machine, inputs: graph.inputs,
        values: zip(graph.types, graph.valueNames).map { ScheduledValue(type: $0, name: $1) },
        isInLoop: isInLoop, isInWorker: isInWorker),
      variables: variables, mayRunParallel: mayRunParallel)
    for (input, source) in zip(graph.inputs, inputs) {
      binding.region.values[input.index].binding = source
    }
    binding.scatteredGathers = graph.scatteredGathers
    for node in graph.nodes { binding.visit(node) }
    for (index, output) in graph.outputs.enumerated() {
      let slot = binding.region.addValue(graph.type(of: output), named: graph.outputNames[index])
      binding.region.outputs.append(
        RegionOutput(value: output, slot: slot, replaces: replaces[index]))
    }
    return binding.region
  }

  private init(region: RegionSchedule, variables: LoopVariableSource, mayRunParallel: Bool) {
    self.region = region
    self.variables = variables
    self.mayRunParallel = mayRunParallel
  }

  private func binding(_ value: ValueID) -> Binding {
    guard let binding = region.binding(of: value) else {
      preconditionFailure("compiler bug: \(value) has no binding in \(region.name)")
    }
    return binding
  }

  // MARK: Nodes

  private mutating func visit(_ node: Node) {
    switch node.op {
    case .unary, .binary, .compare, .select, .convert, .stopGradient, .threefry, .reduce:
      append(.cluster(alone(node)))
    case .constant(let value, _):
      region.values[node.result.index].binding = .constant(value)
    case .iota(let axis, _):
      region.values[node.result.index].binding = .axisIndex(axis: axis, offset: 0)
    case .broadcast, .reshape, .transpose, .slice, .windows:
      region.values[node.result.index].binding = moved(node)
    case .pad(let low, _):
      append(padding(binding(node.operands[0]), low: low, node))
    case .concatenate(let axis):
      append(concatenation(node.operands.map { ($0, binding($0)) }, axis: axis, node))
    case .contract(let labels):
      let (lhs, rhs) = factors(of: node, labels)
      append(
        .contraction(
          ScheduledContraction(
            node: node, type: region.type(of: node.result), lhs: lhs, rhs: rhs)))
    case .checkPositions:
      append(.check(node: node, indices: binding(node.operands[0])))
    case .gather:
      if scatteredGathers[node.result] == nil { appendLone(.gather, node) }
    case .scatterAdd:
      if let gather = scatteredGathers[node.operands[1]] {
        appendLone(.scatterGathered, node, [node.operands[0]] + gather.operands)
      } else {
        appendLone(.scatterAdd, node)
      }
    case .cumulativeSum(let axis, let isReversed):
      appendLone(.cumulativeSum(axis: axis, isReversed: isReversed), node)
    case .sumWindows:
      preconditionFailure("compiler bug: a sum of windows reached scheduling")
    case .structured(let op):
      bindStructured(node, op)
    case .loop(let loop):
      bindLoop(node, loop)
    case .gradient, .jvp:
      preconditionFailure("compiler bug: a \(node.op.name) op reached scheduling unexpanded")
    }
  }

  private mutating func appendLone(_ op: LoneOp, _ node: Node, _ operands: [ValueID]? = nil) {
    let operands = (operands ?? node.operands).map { storedView(of: $0, node.provenance) }
    append(.lone(ScheduledLoneOp(op: op, node: node, operands: operands)))
  }

  /// A cluster of one op.
  private func alone(_ node: Node) -> Cluster {
    var cluster = Cluster(domain: region.type(of: node.operands[0]).shape)
    let operands = node.operands.map(binding)
    guard let placement = cluster.placement(of: node, operands, in: region) else {
      preconditionFailure("compiler bug: \(node.op.text) fits no cluster")
    }
    cluster.append(.init(node: node, operands: operands, placement: placement))
    return cluster
  }

  private mutating func bindStructured(_ node: Node, _ op: StructuredOp) {
    guard case .attention = op.function else {
      preconditionFailure("compiler bug: \(op.name) reached scheduling")
    }
    let operands = node.operands.map { operand -> View in
      let view = storedView(of: operand, node.provenance)
      return view.isContiguous
        ? view : copied(.view(view), region.type(of: operand), node.provenance)
    }
    append(.attention(node: node, operands: operands))
  }

  private mutating func append(_ steps: [ScheduleStep]) { for step in steps { append(step) } }

  /// Adds a step; what it writes is read as the dense array that it is.
  private mutating func append(_ step: ScheduleStep) {
    region.steps.append(step)
    for value in step.writes where region.binding(of: value) == nil {
      region.values[value.index].binding = .view(region.whole(value))
    }
  }

  /// A view that a step can read from memory: constants, indices and awkward layouts are copied.
  mutating func storedView(of value: ValueID, _ provenance: Provenance) -> View {
    if case .view(let view) = binding(value) { return view }
    return copied(binding(value), region.type(of: value), provenance)
  }

  mutating func copied(
    _ source: Binding, _ type: TensorType, _ provenance: Provenance
  ) -> View {
    let root = source.root.map { region.values[$0.index].name } ?? ""
    let value = region.addValue(type, named: root.isEmpty ? provenance.name : root + "_copy")
    let view = View(dense: value, shape: type.shape)
    append(
      .copy(
        ScheduledCopy(
          source: source, shape: type.shape, dtype: type.dtype, destination: view,
          provenance: provenance)))
    return view
  }

  // MARK: Movement

  private mutating func moved(_ node: Node) -> Binding {
    let source = binding(node.operands[0])
    switch source {
    case .constant:
      return source
    case .stepIndex:
      return .view(
        moveView(copied(source, region.type(of: node.operands[0]), node.provenance), node))
    case .axisIndex(let axis, let offset):
      switch node.op {
      case .broadcast(_, let axes): return .axisIndex(axis: axes[axis], offset: offset)
      case .transpose(let permutation):
        return .axisIndex(axis: permutation.firstIndex(of: axis) ?? axis, offset: offset)
      case .slice(let starts, _): return .axisIndex(axis: axis, offset: offset + starts[axis])
      default:
        return .view(
          moveView(copied(source, region.type(of: node.operands[0]), node.provenance), node))
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
    case .windows(let windows): return view.windowed(windows)
    case .reshape(let shape):
      if let reshaped = view.reshaped(to: shape) { return reshaped }
      let type = TensorType(view.shape, region.type(of: node.result).dtype)
      var dense = copied(.view(view), type, node.provenance)
      dense.shape = shape
      dense.strides = shape.denseStrides
      return dense
    default: preconditionFailure("compiler bug: \(node.op.name) is not a view")
    }
  }

  // MARK: Loops

  private mutating func bindLoop(_ node: Node, _ loop: Loop) {
    let variable = variables.next(named: loop.body.inputNames[0])
    let operands = node.operands.map { operand -> Binding in
      switch binding(operand) {
      case .view(let view) where view.isContiguous: .view(view)
      case .constant(let value): .constant(value)
      case .stepIndex(let variable): .stepIndex(variable)
      case let other: .view(copied(other, region.type(of: operand), node.provenance))
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
    // Only outermost loops: the body of a parallel loop sees no other loop's index.
    let isParallel = loop.isMap && loop.tripCount > 1 && mayRunParallel && !region.isInLoop
    let body = Self.bind(
      loop.body, inputs: inputs,
      replaces: loop.body.outputs.indices.map {
        $0 < loop.carryCount ? loop.body.inputs[$0 + 1] : nil
      },
      variables: variables, on: region.machine, mayRunParallel: mayRunParallel, isInLoop: true,
      isInWorker: region.isInWorker || isParallel)
    append(
      .loop(
        ScheduledLoop(
          node: node, loop: loop, operands: operands, body: body, variable: variable,
          isParallel: isParallel)))
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

extension Graph {
  /// The gathers whose result is the updates of one scatter and nothing else, by their results: messages
  /// along the edges of a graph, and their derivatives.
  fileprivate var scatteredGathers: [ValueID: Node] {
    var useCounts: [ValueID: Int] = [:]
    for value in nodes.flatMap(\.operands) + outputs { useCounts[value, default: 0] += 1 }
    var gathers: [ValueID: Node] = [:]
    for node in nodes where node.op == .gather && useCounts[node.result] == 1 {
      gathers[node.result] = node
    }
    let scatters = nodes.filter { if case .scatterAdd = $0.op { true } else { false } }
    let updates = Set(scatters.map { $0.operands[1] })
    return gathers.filter { updates.contains($0.key) }
  }
}
