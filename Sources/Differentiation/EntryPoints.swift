// SPDX-License-Identifier: Apache-2.0
//
// The programs that a generated library exports. All but the meta-gradient are
// of one task and one inner step. Inputs and outputs are named as in the spec; a graph that does
// not read an input still has it, so that the signature does not change with the arithmetic, except
// for meta leaves that only are the start of theta: where theta is an input they would be in the
// way.

package import TensorIR

/// One exported program of a library.
package enum EntryPoint: String, Hashable, Sendable, CaseIterable {
  /// `(theta..., meta..., inner data...) -> loss`.
  case innerLoss = "inner_loss"
  /// The same inputs to `loss` and `grad.theta.NAME` for each theta leaf.
  case innerGradient = "inner_gradient"
  /// `(theta..., state..., meta..., inner data..., step) -> (next.theta..., next.state...)`. `step`
  /// counts from 1, as in the language.
  case innerStep = "inner_step"
  /// `(theta..., meta..., inner data..., direction.theta...) -> hvp.theta...`: the Hessian of the
  /// inner loss times a direction.
  case hessianVectorProduct = "hvp"
  /// `(theta..., meta..., inner_losses if read, outer data...)` to `loss`, `grad.NAME` for each
  /// theta leaf and each meta leaf among the inputs.
  case outerLossGradient = "outer_loss_gradient"
  /// See `metaGradient(of:options:)`.
  case metaGradient = "meta_gradient"

  /// The program as a graph without `gradient` ops, named `PROBLEM_ENTRY`.
  package func graph(
    of problem: MetaProblem, options: DerivationOptions = DerivationOptions()
  ) throws -> Graph {
    let programs = StepPrograms(problem: problem, options: options, name: rawValue)
    let graph =
      switch self {
      case .innerLoss: programs.innerLoss()
      case .innerGradient: programs.innerGradient()
      case .innerStep: programs.innerStep()
      case .hessianVectorProduct: try programs.hessianVectorProduct()
      case .outerLossGradient: programs.outerLossGradient()
      case .metaGradient: try Differentiation.metaGradient(of: problem, options: options)
      }
    return try options.differentiator.expandGradients(in: graph).removingDeadCode()
  }
}

extension MetaProblem {
  /// The outer loss of one task alone, with the inputs of `outer_loss_gradient`, to `loss`.
  package func outerLossValue(options: DerivationOptions) throws -> Graph {
    let programs = StepPrograms(problem: self, options: options, name: "outer_loss")
    return try options.differentiator.expandGradients(in: programs.outerLossValue())
      .removingDeadCode()
  }

  /// The mixed second derivative of the inner loss, contracted with a direction of theta: the inputs
  /// of `hvp` to `mixed.NAME`, the derivative of `<grad_theta loss, direction>` with respect to each
  /// meta leaf that the inner loss reads.
  ///
  /// No library exports it. It is what the meta-gradient gets from one inner step by the chosen
  /// derivation, and verification judges it on its own. `nil` if the inner loss reads no meta leaf.
  package func mixedProduct(options: DerivationOptions) throws -> Graph? {
    let programs = StepPrograms(problem: self, options: options, name: "mixed_product")
    guard let graph = try programs.mixedProduct() else { return nil }
    return try options.differentiator.expandGradients(in: graph).removingDeadCode()
  }
}

extension EntryPoint {
  /// What is checked of inputs before the program runs, whatever it does with them.
  package func inputBounds(of problem: MetaProblem) -> [String: InputBound] {
    let hasStep =
      switch self {
      case .innerStep: true
      case .innerLoss, .innerGradient, .hessianVectorProduct: problem.readsStep
      case .outerLossGradient, .metaGradient: false
      }
    guard hasStep else { return [:] }
    return [problem.stepName: InputBound(range: 1...problem.steps, purpose: "the number of a step")]
  }
}

/// The programs of one step of one task.
private struct StepPrograms {
  let problem: MetaProblem
  let options: DerivationOptions
  /// The second half of the graphs' names.
  let name: String

  func innerLoss() -> Graph {
    let inputs = innerInputs()
    let builder = inputs.builder
    builder.output("loss", builder.inline(loss.for(.activation), inputs.arguments)[0])
    return builder.graph
  }

  func innerGradient() -> Graph {
    let inputs = innerInputs()
    let builder = inputs.builder
    let results = builder.append(innerGradientOp, inputs.arguments)
    builder.output("loss", results[0])
    for (leaf, gradient) in zip(problem.theta, results.dropFirst()) {
      builder.output("grad.\(leaf.name)", gradient)
    }
    return builder.graph
  }

  func innerStep() -> Graph {
    let builder = newBuilder()
    let theta = builder.inputs(problem.theta)
    let state = builder.inputs(problem.state)
    let metaOfUpdate = 2 * theta.count + state.count
    let meta = metaInputs(builder) { index in
      loss.reads(input: theta.count + index) || problem.update.reads(input: metaOfUpdate + index)
    }
    let data = builder.inputs(problem.innerData.map(\.leaf))
    let step = builder.input(problem.stepName, .scalar(.i32))
    let fromZero = builder.subtract(step, builder.constant(1, .scalar(.i32)))
    let arguments = theta + meta.values + data + (problem.readsStep ? [fromZero] : [])
    let gradients = Array(builder.append(innerGradientOp, arguments).dropFirst())
    let next = builder.inline(
      problem.update.for(.state), gradients + theta + state + meta.values + [fromZero])
    for (leaf, value) in zip(problem.theta + problem.state, next) {
      builder.output("next.\(leaf.name)", value)
    }
    return builder.graph
  }

  func hessianVectorProduct() throws -> Graph {
    let inputs = innerInputs()
    let builder = inputs.builder
    var tangents = [ValueID?](repeating: nil, count: inputs.arguments.count)
    for (index, leaf) in problem.theta.enumerated() {
      tangents[index] = builder.input(problem.directionName(of: leaf), leaf.type)
    }
    let gradient = GradientOp(function: loss, wrt: Array(problem.theta.indices))
    let (outputs, outputTangents) = try options.differentiator.appendJVP(
      options.differentiator.expandGradient(gradient), arguments: inputs.arguments,
      tangents: tangents, into: builder)
    for (index, leaf) in problem.theta.enumerated() {
      let product = outputTangents[index + 1] ?? builder.constant(0, like: outputs[index + 1])
      builder.output("hvp.\(leaf.name)", product)
    }
    return builder.graph
  }

  func mixedProduct() throws -> Graph? {
    let read = problem.meta.indices.filter { loss.reads(input: problem.theta.count + $0) }
    guard !read.isEmpty else { return nil }
    let inputs = innerInputs()
    let builder = inputs.builder
    let function = GraphBuilder(name: "inner gradient")
    let arguments = builder.graph.inputs
    let parameters = function.inputs(like: builder.graph)
    let position = Dictionary(zip(arguments, arguments.indices)) { first, _ in first }
    let operands = inputs.arguments.map { argument in
      position[argument].map { parameters[$0] }
        ?? function.constant(0, builder.type(of: argument))
    }
    for (index, result) in function.append(innerGradientOp, operands).enumerated() {
      function.output("\(index)", result)
    }
    let directions = problem.theta.map { builder.input("direction.\($0.name)", $0.type) }
    let wrt = read.compactMap { position[inputs.arguments[problem.theta.count + $0]] }
    let (_, adjoints) = try options.differentiator.appendVJP(
      function.graph, arguments: arguments, outputAdjoints: [nil] + directions, wrt: wrt,
      into: builder)
    for (index, adjoint) in zip(read, adjoints) {
      let leaf = problem.meta[index]
      builder.output("mixed.\(leaf.name)", adjoint ?? builder.constant(0, leaf.type))
    }
    return builder.graph
  }

  func outerLossValue() -> Graph {
    let inputs = outerInputs()
    let builder = inputs.builder
    builder.output("loss", builder.inline(problem.outerLoss, inputs.arguments)[0])
    return builder.graph
  }

  func outerLossGradient() -> Graph {
    let inputs = outerInputs()
    let builder = inputs.builder
    let visible = inputs.visible
    let gradient = GradientOp(
      function: problem.outerLoss.withSavePolicy(options.lossSavePolicy),
      wrt: problem.theta.indices + visible.map { problem.theta.count + $0 })
    let results = builder.append(.gradient(gradient), inputs.arguments)
    builder.output("loss", results[0])
    let leaves = problem.theta + visible.map { problem.meta[$0] }
    for (leaf, value) in zip(leaves, results.dropFirst()) {
      builder.output("grad.\(leaf.name)", value)
    }
    return builder.graph
  }

  /// A builder with the inputs of the outer loss, the arguments of the outer loss, and the meta
  /// leaves that are among the inputs.
  private func outerInputs() -> (builder: GraphBuilder, arguments: [ValueID], visible: [Int]) {
    let builder = newBuilder()
    let theta = builder.inputs(problem.theta)
    let meta = metaInputs(builder) { problem.outerLoss.reads(input: theta.count + $0) }
    let lossesType = TensorType([problem.steps], problem.dtype)
    let losses =
      problem.usesInnerLosses
      ? builder.input(problem.innerLossesName, lossesType) : builder.constant(0, lossesType)
    let data = builder.inputs(problem.outerData.map(\.leaf))
    let trajectory = problem.readsTrajectory ? builder.inputs(problem.trajectory) : []
    return (builder, theta + meta.values + [losses] + data + trajectory, meta.visible)
  }

  // MARK: Parts

  private var loss: Graph { problem.innerLoss.withSavePolicy(options.lossSavePolicy) }

  private var innerGradientOp: Op {
    .gradient(GradientOp(function: loss, wrt: Array(problem.theta.indices)))
  }

  private func newBuilder() -> GraphBuilder {
    GraphBuilder(name: "\(problem.name)_\(name)")
  }

  /// A builder with the inputs of the inner loss, and the arguments of the inner loss.
  private func innerInputs() -> (builder: GraphBuilder, arguments: [ValueID]) {
    let builder = newBuilder()
    let theta = builder.inputs(problem.theta)
    let meta = metaInputs(builder) { loss.reads(input: theta.count + $0) }
    let data = builder.inputs(problem.innerData.map(\.leaf))
    guard problem.readsStep else { return (builder, theta + meta.values + data) }
    let step = builder.input(problem.stepName, .scalar(.i32))
    let fromZero = builder.subtract(step, builder.constant(1, .scalar(.i32)))
    return (builder, theta + meta.values + data + [fromZero])
  }

  /// Inputs for the meta leaves. Those that only are the start of theta are hidden if unread; what
  /// stands for them is a constant that dead-code elimination removes.
  private func metaInputs(
    _ builder: GraphBuilder, isRead: (Int) -> Bool
  ) -> (values: [ValueID], visible: [Int]) {
    let visible = problem.meta.indices.filter { !problem.initialRange.contains($0) || isRead($0) }
    let values = problem.meta.enumerated().map { index, leaf in
      visible.contains(index)
        ? builder.input(leaf.name, leaf.type) : builder.constant(0, leaf.type)
    }
    return (values, visible)
  }
}

// MARK: Names

extension MetaProblem {
  /// What the number of the step is called: `step`, unless an array of the spec is.
  package var stepName: String { freeName("step") }

  /// What the losses of the inner steps are called as an input of the outer loss.
  package var innerLossesName: String { freeName("inner_losses") }

  /// The parameters after each step, as inputs of the outer loss.
  package var trajectory: [Leaf] {
    theta.map { leaf in
      Leaf(
        name: trajectoryName(of: leaf),
        type: TensorType([steps] + leaf.type.shape, leaf.type.dtype), initializer: leaf.initializer)
    }
  }

  /// What a leaf of theta is called where the outer loss reads it after each step.
  func trajectoryName(of leaf: Leaf) -> String { freeName("inner.\(leaf.name)") }

  /// What a leaf of the direction of a Hessian-vector product is called.
  package func directionName(of leaf: Leaf) -> String { freeName("direction.\(leaf.name)") }

  /// The name, with a number if an array of the spec has it already.
  private func freeName(_ name: String) -> String {
    let leaves = theta + meta + state + (innerData + outerData).map(\.leaf)
    let taken = Set(leaves.map(\.name))
    var candidate = name
    var number = 2
    while taken.contains(candidate) {
      candidate = "\(name)_\(number)"
      number += 1
    }
    return candidate
  }
}

extension GraphBuilder {
  /// Adds one input per leaf.
  fileprivate func inputs(_ leaves: [Leaf]) -> [ValueID] {
    leaves.map { input($0.name, $0.type) }
  }
}
