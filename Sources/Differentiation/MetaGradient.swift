// SPDX-License-Identifier: Apache-2.0
//
// The product: the meta-gradient of a bilevel problem as one graph.
//
// The value program of one task is a loop over the inner steps, whose body takes one `gradient` of
// the inner loss and applies the update, followed by the outer loss. Its reverse sweep, with the
// VJP of `gradient` taken forward over reverse or reverse over reverse, is the meta-gradient: the
// algorithms of the paper are not written down anywhere, they fall out of the rules.
//
// A task batch is a parallel loop around all of that, and an explicit mean after it.

package import TensorIR

/// The outer loss as a function of the meta parameters.
///
/// Inputs, named as in the spec: the theta leaves if they are inputs, the meta leaves, the inner
/// data, the outer data, each in its stored shape. Output: `loss`, the mean over the tasks.
package func metaValue(
  of problem: MetaProblem, options: DerivationOptions = DerivationOptions()
) throws -> Graph {
  let program = TaskProgram(problem, options)
  let graph = try options.differentiator.expandGradients(in: program.value())
  return program.overTasks(graph, name: "\(problem.name)_meta_value").removingDeadCode()
}

/// The outer loss and its gradient with respect to the meta parameters.
///
/// Inputs as for `metaValue`; outputs `loss`, then `gradientNames` in the order of the meta leaves.
/// A leaf that the loss does not depend on has a gradient of zeros, whose provenance says so; see
/// `MetaProblem.leavesWithoutInfluence`.
package func metaGradient(
  of problem: MetaProblem, options: DerivationOptions = DerivationOptions()
) throws -> Graph {
  let program = TaskProgram(problem, options)
  let graph = try options.differentiator.expandGradients(in: program.gradient())
  return program.overTasks(graph, name: "\(problem.name)_meta_gradient").removingDeadCode()
}

extension MetaProblem {
  /// The indices of the meta leaves that the outer loss does not depend on.
  package var leavesWithoutInfluence: [Int] {
    let graph = TaskProgram(self, DerivationOptions()).value()
    let useful = Activity(rule: derivativeRule(for:)).usefulValues(of: graph, outputs: [true])
    let first = initialParameters == .input ? theta.count : 0
    return meta.indices.filter { !useful[graph.inputs[first + $0].index] }
  }

  /// Whether the outer loss reads the inner losses of the trajectory.
  var usesInnerLosses: Bool { outerLoss.reads(input: theta.count + meta.count) }

  /// The meta leaves that are the inner parameters' start: none, or as many as theta has leaves.
  var initialRange: Range<Int> {
    switch initialParameters {
    case .input: 0..<0
    case .meta(let firstIndex): firstIndex..<(firstIndex + theta.count)
    }
  }
}

extension Graph {
  /// Whether a node or an output reads the input at a position.
  func reads(input position: Int) -> Bool {
    let value = inputs[position]
    return outputs.contains(value) || nodes.contains { $0.operands.contains(value) }
  }
}

/// The programs of one task of a problem, and the loop around them.
private struct TaskProgram {
  private let problem: MetaProblem
  private let options: DerivationOptions
  /// The inputs of the programs of one task, in order.
  private var inputs: [(name: String, type: TensorType, isBatched: Bool)] = []

  init(_ problem: MetaProblem, _ options: DerivationOptions) {
    self.problem = problem
    self.options = options
    if problem.initialParameters == .input {
      inputs += problem.theta.map { ($0.name, $0.type, false) }
    }
    inputs += problem.meta.map { ($0.name, $0.type, false) }
    inputs += (problem.innerData + problem.outerData).map { data in
      var type = data.leaf.type
      if data.isStreamed { type.shape.insert(problem.steps, at: 0) }
      return (data.leaf.name, type, data.isBatched)
    }
  }

  // MARK: Value

  /// Whether theta_T leaves the program; see `metaGradient`.
  private var givesFinalParameters: Bool {
    problem.initialParameters == .input && problem.tasks == nil
  }

  /// The outer loss of one task, and on demand theta_T.
  func value(givingFinalParameters: Bool = false) -> Graph {
    let builder = GraphBuilder(name: "task")
    var rest = inputs.map { builder.input($0.name, $0.type) }
    func take(_ count: Int) -> [ValueID] {
      defer { rest.removeFirst(count) }
      return Array(rest.prefix(count))
    }
    let given = problem.initialParameters == .input ? take(problem.theta.count) : []
    let meta = take(problem.meta.count)
    let innerData = take(problem.innerData.count)
    let outerData = take(problem.outerData.count)
    let theta = problem.initialParameters == .input ? given : Array(meta[problem.initialRange])
    let state = builder.inline(problem.initialState.for(.state), theta + meta)
    let (last, losses, trajectory) = appendSteps(theta + state, meta, innerData, builder)
    let outerLoss = problem.outerLoss.withSavePolicy(options.lossSavePolicy)
    let arguments = last.prefix(theta.count) + meta + [losses] + outerData + trajectory
    builder.output("loss", builder.inline(outerLoss, Array(arguments))[0])
    if givingFinalParameters {
      for (leaf, value) in zip(problem.theta, last) {
        builder.output("final.\(leaf.name.drop { $0 != "." }.dropFirst())", value)
      }
    }
    return builder.graph
  }

  /// Appends the inner steps: a loop, and around it those that stand apart.
  ///
  /// - Returns: the last theta and state, the inner losses (`[steps]`), and the leaves of theta after
  ///   each step (`[steps, ...]`) if the outer loss reads them.
  private func appendSteps(
    _ carries: [ValueID], _ meta: [ValueID], _ data: [ValueID], _ builder: GraphBuilder
  ) -> (carries: [ValueID], losses: ValueID, trajectory: [ValueID]) {
    let looped = options.loopedSteps(of: problem)
    let policy = options.stepSavePolicy(for: problem)
    var steps = InnerSteps(problem, body: stepBody(), policy, carries, meta, data, builder)
    steps.appendApart(0..<looped.lowerBound)
    steps.appendLoop(looped)
    steps.appendApart(looped.upperBound..<problem.steps)
    let trajectory = steps.trajectory
    guard !problem.usesInnerLosses else {
      return (steps.carries, trajectory[0], Array(trajectory.dropFirst()))
    }
    let losses = builder.constant(0, TensorType([problem.steps], problem.dtype))
    return (steps.carries, losses, trajectory)
  }

  /// One inner step: `(step, theta..., state..., streamed data..., meta..., fixed data...)` to
  /// `(theta..., state...)`, then the inner loss and theta if the outer loss reads them of each step.
  private func stepBody() -> Graph {
    let builder = GraphBuilder(name: "inner step")
    let step = builder.input("step", .scalar(.i32))
    let theta = problem.theta.map { builder.input($0.name, $0.type) }
    let state = problem.state.map { builder.input($0.name, $0.type) }
    var data = [ValueID?](repeating: nil, count: problem.innerData.count)
    for (index, leaf) in problem.innerData.enumerated() where leaf.isStreamed {
      data[index] = builder.input(leaf.leaf.name, leaf.leaf.type)
    }
    let meta = problem.meta.map { builder.input($0.name, $0.type) }
    for (index, leaf) in problem.innerData.enumerated() where !leaf.isStreamed {
      data[index] = builder.input(leaf.leaf.name, leaf.leaf.type)
    }
    let innerLoss = problem.innerLoss.withSavePolicy(options.lossSavePolicy)
    let gradient = GradientOp(function: innerLoss, wrt: Array(theta.indices))
    let provenance = Provenance(function: "inner_gradient", purpose: .state)
    let results = builder.withProvenance(provenance) {
      builder.append(
        .gradient(gradient),
        theta + meta + data.compactMap(\.self) + (problem.readsStep ? [step] : []))
    }
    let next = builder.inline(
      problem.update.for(.state), Array(results.dropFirst()) + theta + state + meta + [step])
    for (leaf, value) in zip(problem.theta + problem.state, next) {
      builder.output(leaf.name, value)
    }
    if problem.usesInnerLosses { builder.output("inner_loss", results[0]) }
    if problem.readsTrajectory {
      for (leaf, value) in zip(problem.theta, next) {
        builder.output(problem.trajectoryName(of: leaf), value)
      }
    }
    return builder.graph
  }

  // MARK: Gradient

  /// The outer loss of one task and its gradient.
  func gradient() throws -> Graph {
    let builder = GraphBuilder(name: "task")
    let arguments = inputs.map { builder.input($0.name, $0.type) }
    let first = problem.initialParameters == .input ? problem.theta.count : 0
    let seed = builder.constant(1, .scalar(problem.dtype))
    let value = value(givingFinalParameters: givesFinalParameters)
    let wrt = first..<(first + problem.meta.count)
    var sweep = ReverseSweep(
      value, differentiator: options.differentiator, builder: builder,
      neededInputs: value.inputs.indices.map(wrt.contains),
      usefulOutputs: value.outputs.indices.map { $0 == 0 })
    let outputs = try sweep.runForward(arguments: arguments)
    let mark = builder.mark
    let adjoints = try sweep.runBackward(
      outputAdjoints: [seed] + Array(repeating: nil, count: value.outputs.count - 1))
    builder.output("loss", outputs[0])
    for (index, adjoint) in adjoints[wrt].enumerated() {
      let text = "the loss does not depend on \(problem.meta[index].name)"
      let value =
        adjoint
        ?? builder.withProvenance(Provenance(rules: [text])) {
          builder.constant(0, problem.meta[index].type)
        }
      builder.output(problem.gradientNames[index], value)
    }
    for (name, output) in zip(value.outputNames, outputs).dropFirst() {
      builder.output(name, output)
    }
    return builder.graph.withoutTrajectory(notReadFrom: mark)
  }

  // MARK: Tasks

  /// The mean over the tasks of every output of a graph of one task; the graph itself, with a new
  /// name, if there is no task batch.
  func overTasks(_ graph: Graph, name: String) -> Graph {
    guard let tasks = problem.tasks else {
      var renamed = graph
      renamed.name = name
      return renamed
    }
    let body = GraphBuilder(name: "task")
    _ = body.input("task", .scalar(.i32))
    var arguments = [ValueID?](repeating: nil, count: inputs.count)
    let batched = inputs.indices.filter { inputs[$0].isBatched }
    let order = batched + inputs.indices.filter { !inputs[$0].isBatched }
    for index in order { arguments[index] = body.input(inputs[index].name, inputs[index].type) }
    let outputs = body.inline(graph, arguments.compactMap(\.self))
    for (name, output) in zip(graph.outputNames, outputs) { body.output(name, output) }

    let builder = GraphBuilder(name: name)
    let operands = inputs.map { input in
      let shape = (input.isBatched ? [tasks] : []) + input.type.shape
      return builder.input(input.name, TensorType(shape, input.type.dtype))
    }
    let loop = Loop(
      role: .tasks, tripCount: tasks, carryCount: 0, stackedInputCount: batched.count,
      body: body.graph)
    let results = builder.append(.loop(loop), order.map { operands[$0] })
    for (name, result) in zip(graph.outputNames, results) {
      let mean = builder.withProvenance(Provenance(name: name, function: "mean_over_tasks")) {
        builder.scale(builder.sum(result, axes: [0]), by: 1 / Double(tasks))
      }
      builder.output(name, mean)
    }
    return builder.graph
  }
}
