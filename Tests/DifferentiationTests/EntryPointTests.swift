// SPDX-License-Identifier: Apache-2.0
//
// The exported programs against each other: steps by hand make the meta value, the Hessian product
// is the derivative of the gradient.

import Differentiation
import Interpreter
import TensorIR
import Testing

@Suite("entry points")
struct EntryPointTests {
  private func graph(_ entry: EntryPoint, _ problem: MetaProblem) throws -> Graph {
    let graph = try entry.graph(of: problem)
    #expect(graph.problems() == [])
    #expect(graph.count(of: "gradient") == 0)
    return graph
  }

  @Test("the signatures name the leaves of the spec")
  func signatures() throws {
    let (maml, adam) = (mamlCase(steps: 2).problem, adamCase().problem)
    let theta = ["theta.w1", "theta.b1", "theta.w2"]
    let support = ["x_support", "y_support"]
    let step = try graph(.innerStep, maml)
    #expect(step.inputNames == theta + support + ["step"])
    #expect(step.outputNames == theta.map { "next.\($0)" })
    #expect(step.inputTypes[3] == f64(3, 1))
    let product = try graph(.hessianVectorProduct, maml)
    #expect(product.inputNames == theta + support + theta.map { "direction.\($0)" })
    #expect(product.outputNames == theta.map { "hvp.\($0)" })
    let outer = try graph(.outerLossGradient, adam)
    let leaves = adam.theta.map(\.name) + adam.meta.map(\.name)
    #expect(outer.inputNames == leaves + ["inner_losses", "val_tokens", "val_targets"])
    #expect(outer.outputNames == ["loss"] + leaves.map { "grad.\($0)" })
    let meta = try graph(.metaGradient, adam)
    #expect(meta.name == "adam_meta_gradient")
    #expect(meta.inputNames == leaves + ["tokens", "targets", "val_tokens", "val_targets"])
  }

  @Test("steps by hand and the outer loss make the meta value")
  func stepsByHand() throws {
    let meta = adamCase()
    let problem = meta.problem
    let step = try graph(.innerStep, problem)
    let loss = try graph(.innerLoss, problem)
    let outer = try graph(.outerLossGradient, problem)
    var theta = Array(meta.inputs[..<3])
    let eta = Array(meta.inputs[3..<6])
    var state = problem.state.map { NumericArray($0.type, repeating: 0) }
    var losses: [Double] = []
    for index in 0..<problem.steps {
      let tokens = NumericArray(
        i32(5), Array(meta.inputs[6].elements[(5 * index)..<(5 * index + 5)]))
      let data = [tokens, meta.inputs[7]]
      losses += try Evaluator().evaluate(loss, inputs: theta + eta + data)[0].elements
      // The entry point counts from 1.
      let number = NumericArray(.scalar(.i32), [Double(index + 1)])
      let next = try Evaluator().evaluate(step, inputs: theta + state + eta + data + [number])
      (theta, state) = (Array(next[..<3]), Array(next[3...]))
    }
    let arguments = theta + eta + [NumericArray(f64(3), losses)] + meta.inputs[8...]
    let byHand = try Evaluator().evaluate(outer, inputs: arguments)[0]
    let value = try Evaluator().evaluate(try metaValue(of: problem), inputs: meta.inputs)[0]
    #expect(relativeError([byHand], [value]) < 1e-14)
  }

  @Test("the Hessian product is the derivative of the inner gradient")
  func hessianProduct() throws {
    let meta = adamCase()
    let gradient = try graph(.innerGradient, meta.problem)
    let product = try graph(.hessianVectorProduct, meta.problem)
    let tokens = NumericArray(i32(5), Array(meta.inputs[6].elements[..<5]))
    let inputs = Array(meta.inputs[..<6]) + [tokens, meta.inputs[7]]
    var source = RandomSource(seed: 9)
    let directions = meta.problem.theta.map { source.array($0.type) }
    let actual = try Evaluator().evaluate(product, inputs: inputs + directions)
    func gradients(at multiple: Double) throws -> [NumericArray] {
      var moved = inputs
      for (index, direction) in directions.enumerated() {
        moved[index] = moved[index].adding(multiple, direction)
      }
      return Array(try Evaluator().evaluate(gradient, inputs: moved).dropFirst())
    }
    let (plus, minus) = (try gradients(at: 1e-5), try gradients(at: -1e-5))
    let expected = zip(plus, minus).map { plus, minus in
      let difference = plus.adding(-1, minus)
      return NumericArray(plus.type, difference.elements.map { $0 / 2e-5 })
    }
    #expect(relativeError(actual, expected) < 1e-7)
  }

  @Test("inner and outer gradients are the derivatives of their losses")
  func gradients() throws {
    let meta = adamCase()
    let tokens = NumericArray(i32(5), Array(meta.inputs[6].elements[..<5]))
    let inner = Array(meta.inputs[..<6]) + [tokens, meta.inputs[7]]
    var source = RandomSource(seed: 13)
    let outer = Array(meta.inputs[..<6]) + [source.array(f64(3))] + meta.inputs[8...]
    let programs: [(EntryPoint, [NumericArray], Int)] = [
      (.innerGradient, inner, 3), (.outerLossGradient, outer, 6),
    ]
    for (entry, inputs, count) in programs {
      let graph = try graph(entry, meta.problem)
      let directions = (0..<count).map { source.array(graph.inputTypes[$0]) }
      let results = try Evaluator().evaluate(graph, inputs: inputs)
      let slope = zip(results.dropFirst(), directions).reduce(0) { $0 + $1.0.dot($1.1) }
      func loss(at multiple: Double) throws -> Double {
        var moved = inputs
        for (index, direction) in directions.enumerated() {
          moved[index] = moved[index].adding(multiple, direction)
        }
        return try Evaluator().evaluate(graph, inputs: moved)[0].elements[0]
      }
      let quotient = (try loss(at: 1e-5) - loss(at: -1e-5)) / 2e-5
      #expect(abs(quotient - slope) < 1e-7 * max(1, abs(slope)))
    }
  }
}
