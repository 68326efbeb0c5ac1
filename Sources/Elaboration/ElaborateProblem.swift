// SPDX-License-Identifier: Apache-2.0
//
// From a parsed spec to a `MetaProblem`: binds dimensions, declares parameters and data, and
// elaborates the four functions of the problem, each as a graph of its own. All parts are looked at
// even after errors, so that one run reports many; the problem is made only if there were none.

package import Diagnostics
package import SpecLanguage
package import TensorIR

/// Elaborates a spec.
///
/// - Parameters:
///   - file: the parsed spec with everything it imports.
///   - dims: sizes that replace the declared ones (`--set hidden=64`).
///   - preset: the preset whose sizes replace the declared ones that `dims` leaves (`--preset 57M`).
///   - dtype: the float type of the build, `f32` or `f64`.
///   - diagnostics: receives every error and warning; ids are grouped as in `ElaborationMessage`.
/// - Returns: the problem, or nil if an error was reported, now or before (by the parser).
package func elaborate(
  _ file: SpecFile, dims: [String: Int] = [:], preset: String? = nil, dtype: DType,
  diagnostics: DiagnosticCollector
) -> MetaProblem? {
  // After a syntax error most of what could be said here would be its consequence.
  guard !diagnostics.hasErrors else { return nil }
  let prelude = Prelude.declarations(diagnostics: diagnostics)
  let declarations = Declarations(file, prelude: prelude, diagnostics: diagnostics)
  let elaborator = Elaborator(
    declarations: declarations, dtype: dtype, diagnostics: diagnostics)
  elaborator.bindDimensions(overrides: dims, preset: preset)
  elaborator.bindConstants()
  let problem = elaborator.elaborateProblem(start: Span(file: file.source, start: 0, end: 0))
  elaborator.checkRemainingFunctions()
  if diagnostics.hasErrors { return nil }
  elaborator.warnOfUnusedDimensions()
  return problem
}

/// The parts of a problem that its four graphs share.
struct ProblemFrame {
  let parameters: DeclaredTree
  let metas: [DeclaredTree]
  let innerData: [DeclaredData]
  let outerData: [DeclaredData]
  let steps: Int
}

extension Elaborator {
  func elaborateProblem(start: Span) -> MetaProblem? {
    reportMissingDeclarations(start)
    let tasks = declarations.batch.flatMap(batchSize)
    let (parameters, metas) = declareTrees()
    let innerData = declareData(declarations.inner?.data ?? [], isOuter: false)
    let outerData = declareData(declarations.outer?.data ?? [], isOuter: true)
    checkInputNames([parameters].compactMap { $0 } + metas, innerData + outerData)
    let steps = declarations.inner.flatMap { inner in
      attempt { try positive(inner.steps, "the number of inner steps") }
    }
    guard let spec = declarations.spec, let parameters, !metas.isEmpty,
      let inner = declarations.inner, let outer = declarations.outer
    else { return nil }
    let frame = ProblemFrame(
      parameters: parameters, metas: metas, innerData: innerData, outerData: outerData,
      steps: steps ?? 1)
    let innerLoss = elaborateInnerLoss(inner, frame)
    let optimizer = elaborateOptimizer(inner, frame)
    let outerLoss = elaborateOuterLoss(outer, frame)
    guard let innerLoss, let optimizer, let outerLoss, !diagnostics.hasErrors else { return nil }
    let lastInput = innerLoss.graph.inputs.count - 1
    reportCertainFaults(
      in: innerLoss.graph, counters: innerLoss.readsStep ? [lastInput: frame.steps] : [:])
    // The step is the last input of the update.
    reportCertainFaults(
      in: optimizer.update, counters: [optimizer.update.inputs.count - 1: frame.steps])
    reportCertainFaults(in: outerLoss.graph)
    warnOfUnusedInputs(
      frame, innerLoss: innerLoss.graph, update: optimizer.update, outer: outerLoss)
    var problem = MetaProblem(
      name: spec.text, dtype: floatType, dims: dimensions, seed: declarations.seed,
      steps: frame.steps, tasks: tasks, theta: parameters.leaves,
      initialParameters: initialParameters(metas), meta: metas.flatMap(\.leaves),
      gradientNames: gradientNames(metas),
      innerData: innerData.map(\.data) + keys(DataLeaf.innerKey, isRead: innerLoss.readsKey, tasks),
      outerData: outerData.map(\.data) + keys(DataLeaf.outerKey, isRead: outerLoss.readsKey, tasks),
      state: optimizer.state, innerLoss: innerLoss.graph,
      initialState: optimizer.initialState, update: optimizer.update, outerLoss: outerLoss.graph)
    problem.readsStep = innerLoss.readsStep
    problem.readsTrajectory = outerLoss.readsTrajectory
    return problem
  }

  private func reportMissingDeclarations(_ start: Span) {
    let needed: [(isThere: Bool, what: String)] = [
      (declarations.spec != nil, "name; write 'spec NAME' first"),
      (declarations.parameters != nil, "'params'"),
      (!declarations.metas.isEmpty, "'meta' parameters"),
      (declarations.inner != nil, "'inner' problem"),
      (declarations.outer != nil, "'outer' objective"),
    ]
    for part in needed where !part.isThere {
      _ = fail(.declarationMissing(part.what), at: start)
    }
  }

  private func batchSize(_ name: Name) -> Int? {
    attempt { try positive(Expression(.name(name.text), at: name.span), "the number of tasks") }
  }

  private func initialParameters(_ metas: [DeclaredTree]) -> InitialParameters {
    var first = 0
    for (meta, tree) in zip(declarations.metas, metas) {
      if case .initial = meta { return .meta(firstIndex: first) }
      first += tree.leaves.count
    }
    return .input
  }

  /// `grad.w1` for the leaf `w1` of the only meta tree, `grad` for a single array, and
  /// `grad.eta.w1` where there are several metas.
  private func gradientNames(_ metas: [DeclaredTree]) -> [String] {
    metas.flatMap { meta in
      meta.leaves(named: metas.count == 1 ? "grad" : "grad.\(meta.name)").map(\.name)
    }
  }
}

// MARK: - The graphs of the losses

/// A loss, and what it reads besides parameters, metas and data.
struct ElaboratedLoss {
  let graph: Graph
  /// Whether random numbers are drawn.
  var readsKey = false
  var readsStep = false
  var readsTrajectory = false
}

extension Elaborator {
  /// `(theta..., meta..., inner data slices..., step if read) -> loss`
  private func elaborateInnerLoss(
    _ inner: InnerDeclaration, _ frame: ProblemFrame
  ) -> ElaboratedLoss? {
    beginGraph("inner_loss")
    let block = Scope(parent: fileScope)
    addParameters(frame, to: block)
    addData(frame.innerData, declared: inner.data, to: block)
    let key = emitter.graph.inputs.count
    beginRandomness(DataLeaf.innerKey)
    addStep(to: block, at: inner.span)
    let mark = emitter.graph.nodes.count
    guard let graph = finishLoss("inner", inner.body, inner.objective, in: block) else {
      return nil
    }
    let (loss, read) = graph.withoutUnreadInputs(from: key, madeUpTo: mark)
    return ElaboratedLoss(
      graph: loss, readsKey: read.contains(key), readsStep: read.contains(key + 1))
  }

  /// Adds the number of the step as an input, and `step`, unless the spec calls something else so. The
  /// IR counts steps from 0, the language from 1, as the papers do.
  private func addStep(to block: Scope, at place: Span) {
    let step = emitter.input("step", .scalar(.i32))
    randomness?.step = step
    guard block.lookup("step") == nil else { return }
    emitter.location = place
    let number = emitter.binary(.add, step, emitter.constant(1, step.type))
    block.declare(
      "step", Binding(value: .tensor(number), declaration: nil, isVariable: false))
  }

  /// `(theta..., meta..., inner losses, outer data..., trajectory... if read) -> loss`
  private func elaborateOuterLoss(
    _ outer: OuterDeclaration, _ frame: ProblemFrame
  ) -> ElaboratedLoss? {
    beginGraph("outer_loss")
    let block = Scope(parent: fileScope)
    addParameters(frame, to: block)
    let losses = emitter.input("inner.losses", TensorType([frame.steps], floatType))
    let form = declarations.inner.flatMap { sizeForm($0.steps) }
    block.declare("inner", Binding(value: .poison, declaration: nil, isVariable: false))
    addData(frame.outerData, declared: outer.data, to: block)
    let key = emitter.graph.inputs.count
    beginRandomness(DataLeaf.outerKey)
    let first = emitter.graph.inputs.count
    let field = Tree.Field(name: "losses", value: .tensor(losses.with([form])), declaration: nil)
    let inner = Tree(fields: [field, trajectory(frame, form)])
    // Outer data may be called so, too.
    if case .poison? = block.lookup("inner")?.value, block.lookup("inner")?.declaration == nil {
      block.declare("inner", Binding(value: .tree(inner), declaration: nil, isVariable: false))
    }
    guard let graph = finishLoss("outer", outer.body, outer.objective, in: block) else {
      return nil
    }
    let isRead = graph.areInputsRead
    let readsTrajectory = isRead[first...].contains(true)
    let unread = (isRead[key] ? [] : [key]) + (readsTrajectory ? [] : Array(first..<isRead.count))
    return ElaboratedLoss(
      graph: graph.without(inputs: unread), readsKey: isRead[key],
      readsTrajectory: readsTrajectory)
  }

  /// The parameters after each step, `inner.theta`: a stacked group.
  private func trajectory(_ frame: ProblemFrame, _ steps: SizeForm?) -> Tree.Field {
    let leaves = frame.parameters.root.stacked(frame.steps, steps)
    let name = "inner.\(frame.parameters.name)"
    let tree = DeclaredTree(
      name: name, root: leaves, declaration: frame.parameters.declaration)
    var inputs = tree.leaves.map { emitter.input($0.name, $0.type) }[...]
    let value = leaves.value(&inputs)
    return Tree.Field(
      name: frame.parameters.name, value: value, declaration: frame.parameters.declaration)
  }

  func beginGraph(_ name: String) {
    emitter = Emitter(name: name)
    callCount = 0
    knownCalls = [:]
    randomness = nil
  }

  /// Adds the parameters and the meta parameters as inputs of the current graph.
  private func addParameters(_ frame: ProblemFrame, to block: Scope) {
    addTree(frame.parameters, to: block)
    for meta in frame.metas { addTree(meta, to: block) }
  }

  /// Adds the leaves of a tree as inputs and the tree as a name.
  func addTree(_ tree: DeclaredTree, to block: Scope, isVariable: Bool = false) {
    let inputs = tree.leaves.map { emitter.input($0.name, $0.type) }
    var rest = inputs[...]
    block.declare(
      tree.name,
      Binding(
        value: tree.root.value(&rest), declaration: tree.declaration, isVariable: isVariable))
  }

  /// Adds the data as inputs of the current graph; data with errors are names without a value.
  private func addData(
    _ data: [DeclaredData], declared: [DataDeclaration], to block: Scope
  ) {
    for name in declared.map(\.name) {
      block.declare(
        name.text, Binding(value: .poison, declaration: name.span, isVariable: false))
    }
    for datum in data {
      let input = emitter.input(datum.data.leaf.name, datum.data.leaf.type)
      block.declare(
        datum.name.text,
        Binding(
          value: .tensor(input.with(datum.forms)), declaration: datum.name.span,
          isVariable: false))
    }
  }

  /// Runs the statements of a block and makes the objective the graph's output.
  private func finishLoss(
    _ what: String, _ body: [Statement], _ objective: Expression, in block: Scope
  ) -> Graph? {
    within(block) {
      attempt {
        guard try run(body) == nil else { throw Reported() }
        let operand = try emitter.making("loss") { try evaluated(objective) }
        let loss = try tensor(operand)
        guard loss.type == .scalar(floatType) else {
          throw fail(
            .lossNotScalar(what, found: operand.value.spelling), at: objective.span,
            help: loss.dtype.isFloat ? "write mean(...) for the loss of a batch" : nil)
        }
        emitter.rename(loss, "loss")
        emitter.output("loss", loss)
        return emitter.graph
      }
    }
  }
}
