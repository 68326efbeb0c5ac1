// SPDX-License-Identifier: Apache-2.0
//
// The problem a spec stands for: names, shapes, dimensions and initialisers are a contract with the
// user's data files.

import MixFuseShared
import TensorIR
import Testing

@Suite("problems")
struct ProblemTests {
  @Test("maml_sinusoid: the initial parameters are the meta parameters")
  func sinusoid() throws {
    let problem = try elaboratedFile("Examples/maml_sinusoid.mix", dims: ["steps": 5, "tasks": 4])
    #expect(problem.name == "maml_sinusoid")
    #expect(problem.steps == 5)
    #expect(problem.tasks == 4)
    #expect(problem.initialParameters == .meta(firstIndex: 0))
    #expect(
      problem.meta.map(\.name) == ["eta.w1", "eta.b1", "eta.w2", "eta.b2", "eta.w3", "eta.b3"])
    #expect(problem.gradientNames.first == "grad.w1")
    #expect(problem.meta.map(\.type.shape) == [[1, 40], [40], [40, 40], [40], [40, 1], [1]])
    #expect(problem.innerData.map(\.leaf.name) == ["x_support", "y_support"])
    #expect(problem.outerData.map(\.leaf.name) == ["x_query", "y_query"])
    #expect((problem.innerData + problem.outerData).allSatisfy { $0.isBatched && !$0.isStreamed })
    #expect(problem.state.isEmpty)
  }

  @Test("mnist1d_lr: one learned number, streamed batches, labels of whole numbers")
  func learningRate() throws {
    let problem = try elaboratedFile("Examples/mnist1d_lr.mix")
    #expect(problem.steps == 200)
    #expect(problem.tasks == nil)
    #expect(problem.initialParameters == .input)
    #expect(problem.theta.map(\.name) == ["theta.w1", "theta.b1", "theta.w2", "theta.b2"])
    #expect(problem.meta.map(\.name) == ["lr"])
    #expect(problem.gradientNames == ["grad"])
    #expect(
      problem.innerData.map(\.leaf.type) == [TensorType([50, 40], .f64), TensorType([50], .i32)])
    #expect(problem.innerData.allSatisfy { $0.isStreamed && !$0.isBatched })
    #expect(problem.outerData.isEmpty)
  }

  @Test("digits_reweighting: a meta tree of its own")
  func reweighting() throws {
    let problem = try elaboratedFile("Examples/digits_reweighting.mix")
    #expect(problem.gradientNames == ["grad.w1", "grad.b1", "grad.w2", "grad.b2"])
    #expect(problem.outerData.map(\.leaf.name) == ["x_clean", "y_clean"])
  }

  @Test(
    "the transformer of the reference problems",
    arguments: ["maml", "learning_lr", "loss_weighting"])
  func transformer(name: String) throws {
    let problem = try elaboratedFile("Tests/Cases/chinchilla/\(name).mix", dims: ["layers": 3])
    #expect(problem.name == "chinchilla_\(name)")
    #expect(problem.theta.first { $0.name == "theta.block.w1" }?.type.shape == [3, 16, 64])
    #expect(problem.state.count == 2 * problem.theta.count)
    for graph in [problem.innerLoss, problem.update, problem.outerLoss, problem.initialState] {
      #expect(graph.problems() == [])
    }
  }

  /// A small spec with a hole for declarations.
  private func spec(_ declarations: String, inner: String = "") -> String {
    """
    spec test
    dim heads = 2, head_width = 3, width = heads * head_width
    params theta { w: [width] }
    \(declarations)
    inner(\(inner)) { minimize sum(theta.w) by sgd(0.1) for 2 }
    outer { minimize sum(theta.w) }
    """
  }

  @Test("dimensions may depend on others, and follow an override")
  func dimensions() throws {
    let text = spec("meta eta = theta.initial")
    let problem = try #require(elaborated(text, dims: ["heads": 5]).problem)
    #expect(problem.dims.map(\.name) == ["heads", "head_width", "width"])
    #expect(problem.dims.map(\.value) == [5, 3, 15])
    let direct = try #require(elaborated(text, dims: ["width": 4]).problem)
    #expect(direct.theta.map(\.type.shape) == [[4]])
  }

  @Test("gradients of several metas carry the names of the metas")
  func severalMetas() throws {
    let text = spec("meta lr: []\nmeta eta = theta.initial\nmeta net { v: [2] }")
    let problem = try #require(elaborated(text).problem)
    #expect(problem.gradientNames == ["grad.lr", "grad.eta.w", "grad.net.v"])
    #expect(problem.initialParameters == .meta(firstIndex: 1))
  }

  @Test("initialisers are taken over, with defaults by rank")
  func initializers() throws {
    let text = spec(
      "meta eta { a: [2, 2]  b: [2]  c: [2] ~ normal(1, two)  d: [2, 2] ~ he  e: like theta ~ ones }"
        + "\nseed 7\nlet two = 2",
      inner: "x: [2], y: i32 [2] ~ integers(0, heads), z: [2] ~ uniform(-1, 1), k: i32 []")
    let problem = try #require(elaborated(text).problem)
    #expect(problem.seed == 7)
    #expect(
      problem.meta.map(\.initializer) == [
        .glorot, .zeros,
        .normal(mean: 1, deviation: 2), .he,
        .ones,
      ])
    #expect(
      problem.innerData.map(\.leaf.initializer) == [
        .normal(mean: 0, deviation: 1),
        .integers(low: 0, high: 2),
        .uniform(low: -1, high: 1), .zeros,
      ])
  }

  @Test("shared data are not batched, and the outer loss may use the inner losses")
  func sharedData() throws {
    let text = """
      spec test
      dim tasks = 3
      params theta { w: [2] }
      meta eta = theta.initial
      inner(stream x: [2], shared y: [2]) { minimize dot(theta.w, x * y) by sgd(0.1) for 4 }
      outer { minimize mean(inner.losses) + inner.losses[-1] + sum(theta.w - eta.w) }
      batch tasks
      """
    let problem = try #require(elaborated(text).problem)
    #expect(problem.innerData.map(\.isBatched) == [true, false])
    #expect(problem.innerData.map(\.isStreamed) == [true, false])
    let losses = problem.outerLoss.inputs[problem.theta.count + problem.meta.count]
    #expect(problem.outerLoss.type(of: losses) == TensorType([4], .f64))
  }

  @Test("every node knows its place in the spec")
  func provenance() throws {
    let problem = try elaboratedFile("Examples/maml_sinusoid.mix")
    for node in problem.innerLoss.nodes + problem.update.nodes {
      #expect(node.provenance.location.hasPrefix("maml_sinusoid.mix:"))
    }
    let products = problem.innerLoss.nodes.filter { $0.op.family == .contraction }
    #expect(products.first?.provenance.location == "maml_sinusoid.mix:19:19")
  }

  @Test("the float type of the build is the only one", arguments: [DType.f32, .f64])
  func floatType(dtype: DType) throws {
    let problem = try #require(elaborated(spec("meta eta = theta.initial"), dtype: dtype).problem)
    #expect(problem.dtype == dtype)
    let types = problem.innerLoss.types + problem.update.types + problem.outerLoss.types
    #expect(types.allSatisfy { $0.dtype == dtype || $0.dtype == .i32 })
  }
}
