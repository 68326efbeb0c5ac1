// SPDX-License-Identifier: Apache-2.0
//
// `by OPTIMIZER(...)`: the optimiser's state, its start, and the update as a graph. The gradient,
// the parameters and states that are `like` them are whole trees; arithmetic on trees goes leaf by
// leaf, so the update reads like that of a single array.

import Diagnostics
import MixFuseShared
import SpecLanguage
import TensorIR

/// An optimiser applied to a problem.
struct ElaboratedOptimizer {
  let state: [Leaf]
  let initialState: Graph
  let update: Graph
}

/// An optimiser with its arguments as they are written.
struct OptimizerCall {
  let optimizer: OptimizerDeclaration
  /// The name where it is called.
  let name: Name
  let arguments: [Argument]
}

extension Elaborator {
  func elaborateOptimizer(
    _ inner: InnerDeclaration, _ frame: ProblemFrame
  ) -> ElaboratedOptimizer? {
    attempt {
      let optimizer = try optimizer(inner.optimizer)
      let states = try states(of: optimizer, frame.parameters)
      return ElaboratedOptimizer(
        state: states.flatMap { $0.leaves(named: "\(stateName).\($0.name)") },
        initialState: try initialState(states, frame),
        update: try update(optimizer, states, inner, frame))
    }
  }

  /// The optimiser of a name.
  func optimizer(_ name: Name) throws -> OptimizerDeclaration {
    guard let optimizer = declarations.optimizer(name.text) else {
      throw fail(
        .optimizerUnknown(name.text), at: name.span,
        help: didYouMean(name.text, among: declarations.optimizerNames)
          ?? "there are \(declarations.optimizerNames.sorted().joined(separator: ", "))")
    }
    guard optimizer.updateParameters.count == 3 else {
      throw fail(
        .kind(
          what: "the parameters of update", expected: "the gradient, the parameters and the step",
          found: "\(optimizer.updateParameters.count) names"), at: optimizer.name.span)
    }
    return optimizer
  }

  /// What the states are called as a tree: `state`, unless the spec has a tree of that name.
  private var stateName: String { trees["state"] == nil ? "state" : "state_2" }

  /// The declared states. `like` names the gradient or the parameters as `update` calls them, so a
  /// prelude optimiser works whatever the user's parameters are called.
  func states(
    of optimizer: OptimizerDeclaration, _ parameters: DeclaredTree
  ) throws -> [DeclaredTree] {
    let saved = trees
    defer { trees = saved }
    for name in optimizer.updateParameters.prefix(2) { trees[name.text] = parameters }
    return try optimizer.states.map { state in
      let node = try node(of: state)
      let initializer =
        try state.initializer.map { try self.initializer($0, dtype: floatType) } ?? .zeros
      guard initializer.fixedValue != nil else {
        throw fail(
          .kind(
            what: "the start of a state", expected: "zeros, ones or constant(c)",
            found: initializer.kind.rawValue), at: state.name.span)
      }
      return DeclaredTree(
        name: state.name.text, root: node.with(initializer), declaration: state.name.span)
    }
  }

  /// `(theta..., meta...) -> state...`
  private func initialState(_ states: [DeclaredTree], _ frame: ProblemFrame) throws -> Graph {
    beginGraph("initial_state")
    for leaf in frame.parameters.leaves + frame.metas.flatMap(\.leaves) {
      _ = emitter.input(leaf.name, leaf.type)
    }
    for leaf in states.flatMap({ $0.leaves(named: "\(stateName).\($0.name)") }) {
      let start = leaf.initializer.fixedValue ?? 0
      emitter.output(leaf.name, emitter.constant(start, leaf.type))
    }
    return emitter.graph
  }

  /// `(g..., theta..., state..., meta..., step: i32[]) -> (theta..., state...)`
  private func update(
    _ optimizer: OptimizerDeclaration, _ states: [DeclaredTree], _ inner: InnerDeclaration,
    _ frame: ProblemFrame
  ) throws -> Graph {
    beginGraph("update")
    let gradient = inputs(of: frame.parameters, named: "g")
    let theta = inputs(of: frame.parameters, named: frame.parameters.name)
    let stateValues = states.map { inputs(of: $0, named: "\(stateName).\($0.name)") }
    let caller = Scope(parent: fileScope)
    caller.declare(
      frame.parameters.name,
      Binding(value: theta, declaration: frame.parameters.declaration, isVariable: false))
    for meta in frame.metas { addTree(meta, to: caller) }
    // The IR counts steps from 0, the language from 1, as the papers do.
    let step = emitter.input("step", .scalar(.i32))
    emitter.location = inner.optimizer.span
    let number = emitter.binary(.add, step, emitter.constant(1, step.type))
    caller.declare(
      "step", Binding(value: .tensor(number), declaration: nil, isVariable: false))

    try within(caller) {
      let call = OptimizerCall(
        optimizer: optimizer, name: inner.optimizer, arguments: inner.arguments)
      try outputUpdate(
        call, of: frame.parameters, theta, gradient: gradient, step: number,
        zip(states, stateValues).map { ($0, $1) })
    }
    return emitter.graph
  }

  /// Makes the parameters and states after a step the outputs of the current graph. Arguments of the
  /// optimiser are evaluated in the current scope.
  ///
  /// - Parameters:
  ///   - parameters: what is optimised, with its value and its gradient.
  ///   - step: the number of the step, 1 for the first.
  ///   - states: the optimiser's states with their values.
  func outputUpdate(
    _ call: OptimizerCall, of parameters: DeclaredTree, _ theta: Value, gradient: Value,
    step: Tensor, _ states: [(tree: DeclaredTree, value: Value)]
  ) throws {
    let optimizer = call.optimizer
    let names = optimizer.updateParameters
    let arguments = try evaluateArguments(
      call.arguments, for: optimizer.parameters, of: call.name)
    let saved = leadingSizes
    frames.append(
      CallFrame(
        function: optimizer.name.text, declaration: optimizer.name.span,
        callee: call.name.span, arguments: arguments.map(label)))
    defer {
      frames.removeLast()
      leadingSizes = saved
    }
    leadingSizes = nil
    let body = Scope(parent: optimizer.name.span.file.isBuiltIn ? nil : fileScope)
    try emitter.calling("\(optimizer.name.text)_update") {
      try within(body) {
        for (parameter, argument) in zip(optimizer.parameters, arguments) {
          let type = parameter.takesAbsence(of: argument) ? nil : parameter.type
          let value = try type.map {
            try conform(argument, to: $0, parameter.name.text, sizes: [:]).value
          }
          declare(parameter.name, value ?? argument.value)
        }
        declare(names[0], gradient)
        declare(names[1], theta, isVariable: true)
        declare(names[2], .tensor(step))
        for (state, declared) in zip(optimizer.states, states) {
          declare(state.name, declared.value, isVariable: true)
        }
        if try run(optimizer.update) != nil { throw Reported() }
        try output(names[1], like: theta, as: parameters.leaves)
        for (state, declared) in zip(optimizer.states, states) {
          try output(
            state.name, like: declared.value,
            as: declared.tree.leaves(named: "\(stateName).\(declared.tree.name)"))
        }
      }
    }
  }

  /// The leaves of a tree as inputs under another name, as a value.
  private func inputs(of tree: DeclaredTree, named name: String) -> Value {
    var inputs = tree.leaves(named: name).map { emitter.input($0.name, $0.type) }[...]
    return tree.root.value(&inputs)
  }

  /// Makes the final value of a variable outputs, checking that it has kept its shapes.
  private func output(_ name: Name, like before: Value, as leaves: [Leaf]) throws {
    guard let value = scope.lookup(name.text)?.value else { throw Reported() }
    let expression = Expression(.name(name.text), at: name.span)
    let after = try materialized(Operand(expression: expression, value: value))
    let tensors = after.tensors
    guard tensors.map(\.type) == before.tensors.map(\.type) else {
      let difference = zip(leaves, tensors).first { $0.type != $1.type }
      let found = difference.map { "\($0.name) became \($1.type.spelling)" } ?? after.kind
      throw fail(
        .treeMismatch("update must give \(name.text) the shapes it had, but \(found)"),
        at: name.span,
        help: "a learned rate must be a scalar or have the shapes of the parameters")
    }
    for (leaf, tensor) in zip(leaves, tensors) {
      emitter.rename(tensor, leaf.name)
      emitter.output(leaf.name, tensor)
    }
  }
}
