// SPDX-License-Identifier: Apache-2.0
//
// `minimize LOSS over q = START by OPTIMIZER(...) for STEPS`: an inner optimisation as an expression.
// It becomes a loop that carries `q` and the optimiser's states, with a `gradient` op and the update in
// its body: what the loop over the inner steps of a problem is, wherever the spec wants one.

import Diagnostics
import MixFuseShared
import SpecLanguage
import TensorIR

extension Elaborator {
  /// The value of the variable after the steps.
  func minimization(_ syntax: Minimization) throws -> Value {
    let call = OptimizerCall(
      optimizer: try optimizer(syntax.optimizer), name: syntax.optimizer,
      arguments: syntax.arguments)
    let count = try positive(syntax.steps, "the number of inner steps")
    let start = try varied(evaluated(syntax.start))
    let variable = syntax.variable
    let parameters = DeclaredTree(
      name: variable.text, root: start.node(declaredAt: variable.span), declaration: variable.span)
    guard parameters.leaves.count == start.tensors.count else {
      throw fail(
        .kind(what: "what is optimised", expected: "an array or a tree", found: start.kind),
        at: syntax.start.span)
    }
    let states = try states(of: call.optimizer, parameters)
    let starts = states.flatMap { tree in
      tree.leaves.map { emitter.constant($0.initializer.fixedValue ?? 0, $0.type) }
    }

    emitter.beginRegion("steps of \(variable.text)")
    let index = emitter.input("step", .scalar(.i32))
    let stateLeaves = states.flatMap { $0.leaves(named: "state.\($0.name)") }
    var inputs = (parameters.leaves + stateLeaves).map { emitter.input($0.name, $0.type) }[...]
    do {
      try within(Scope(parent: scope)) {
        let value = start.replacingTensors(&inputs)
        scope.declare(
          variable.text, Binding(value: value, declaration: variable.span, isVariable: false))
        // The IR counts steps from 0, the language from 1, as the papers do.
        let step = emitter.binary(.add, index, emitter.constant(1, index.type))
        scope.declare(
          "step", Binding(value: .tensor(step), declaration: nil, isVariable: false))
        let values = states.map { ($0, $0.root.value(&inputs)) }
        let gradient = try iterating(index) {
          try self.gradient(of: syntax.objective, by: variable, value)
        }
        try outputUpdate(call, of: parameters, value, gradient: gradient, step: step, values)
      }
    } catch {
      _ = emitter.endRegion()
      throw error
    }
    let (graph, captured) = emitter.endRegion()
    let loop = Loop(
      role: .other("steps of \(variable.text)"), tripCount: count,
      carryCount: start.tensors.count + starts.count, stackedInputCount: 0, body: graph)
    var results = emitter.append(.loop(loop), start.tensors + starts + captured)[...]
    return start.replacingTensors(&results)
  }

  /// The gradient of a loss by a variable of the current scope.
  private func gradient(
    of objective: Expression, by variable: Name, _ value: Value
  ) throws -> Value {
    let region = try inRegion("loss of \(variable.text)", [value]) { inputs in
      try within(Scope(parent: scope)) {
        scope.declare(
          variable.text, Binding(value: inputs[0], declaration: variable.span, isVariable: false))
        let operand = try emitter.making("loss") { try evaluated(objective) }
        let loss = try tensor(operand)
        guard loss.type == .scalar(floatType) else {
          throw fail(
            .lossNotScalar("inner", found: operand.value.spelling), at: objective.span,
            help: loss.dtype.isFloat ? "write mean(...) for the loss of a batch" : nil)
        }
        emitter.output("loss", loss)
      }
    }
    let op = GradientOp(function: region.graph, wrt: Array(region.operands.indices))
    var gradients = emitter.append(.gradient(op), region.operands + region.captured).dropFirst()
    return value.replacingTensors(&gradients)
  }
}

extension Value {
  /// The structure of a tree of arrays as if it were declared, its arrays starting at zero.
  fileprivate func node(declaredAt place: Span) -> TreeNode {
    switch self {
    case .tensor(let tensor):
      return .leaf(TreeLeaf(type: tensor.type, initializer: .zeros, declaration: place))
    case .tree(let tree):
      let members = tree.fields.map { field in
        TreeNode.Member(
          name: field.name, node: field.value.node(declaredAt: place),
          declaration: field.declaration ?? place)
      }
      return .group(members: members, stacks: tree.stacks)
    default: return .broken
    }
  }
}
