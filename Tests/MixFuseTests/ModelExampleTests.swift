// SPDX-License-Identifier: Apache-2.0
//
// The examples of families of models: each reproduces JAX's meta-gradient (Tests/Data/models/README.md),
// and some steps of meta-training on the same data lower its loss.

import Foundation
import MixFuseRuntime
import MixFuseShared
import TensorIR
import Testing

@testable import MixFuse

@Suite("Examples of families of models")
struct ModelExampleTests {
  static let examples = [
    "lstm_copy", "test_time_training", "learned_optimizer", "actor_critic", "hyperparameters",
    "meta_sgd", "few_shot_convolution", "distillation", "learned_activation", "graph_network",
    "anil", "proximal", "mixture_of_experts",
  ]

  private func compilation(_ example: String, _ dtype: DType) -> Compilation {
    var options = BuildOptions()
    options.dtype = dtype
    return Compilation(path: Repository.file("Examples/\(example).mix").path, options: options)
  }

  private func data(_ example: String) -> String {
    Repository.file("Tests/Data/models/\(example).npz").path
  }

  @Test("the meta-gradient is JAX's", arguments: examples)
  func reference(_ example: String) throws {
    try Repository.withTemporaryFolder { folder in
      let library = try Library(
        path: try compilation(example, .f64).build(into: folder.path, cache: nil).library)
      let session = try Session(library, entryPoint: "meta_gradient")
      session.conversion = .whenNeeded
      let arrays = try ArrayFile.read(data(example))
      let isResult = { (name: String) in name == "loss" || name.hasPrefix("grad.") }
      var inputs = NamedArrays()
      for (name, array) in arrays where !isResult(name) {
        let input = try Self.input(name, array, of: session.entryPoint)
        inputs[input.name] = input.array
      }
      let outputs = try session.run(inputs)
      var compared = 0
      for (name, array) in arrays where isResult(name) {
        let found = try Self.output(name, outputs, count: array.doubles().count)
        let error = ArrayError(found, expected: array.doubles())
        #expect(error.relative <= 1e-11, "\(name): \(error.relative)")
        compared += 1
      }
      #expect(compared >= 3)
    }
  }

  /// The array that an example has for one of the reference's. Where the reference has one rate for
  /// every parameter, the example has one for every step, too, all of them the same.
  private static func input(
    _ name: String, _ array: NDArray, of entry: Manifest.EntryPoint
  ) throws -> (name: String, array: NDArray) {
    guard name.hasPrefix("rate."),
      let input = entry.inputs.first(where: { $0.name == "rates." + name.dropFirst(5) })
    else { return (name, array) }
    let steps = input.shape[0]
    let elements = [[Double]](repeating: array.doubles(), count: steps).flatMap { $0 }
    return (input.name, try NDArray(elements, shape: input.shape))
  }

  /// A result in the form of the reference: gradients by the rates of all steps are added up.
  private static func output(_ name: String, _ outputs: NamedArrays, count: Int) throws -> [Double]
  {
    guard name.hasPrefix("grad.rate.") else { return try outputs.array(name).doubles() }
    let all = try outputs.array("grad.rates." + name.dropFirst(10)).doubles()
    return (0..<count).map { place in
      stride(from: place, to: all.count, by: count).reduce(0) { $0 + all[$1] }
    }
  }

  @Test("meta-training lowers the loss", arguments: examples.filter { $0 != "actor_critic" })
  func training(_ example: String) throws {
    // Where rates of 0.01 are learned, steps are small.
    let progress = try train(example, rate: example == "meta_sgd" ? 3e-4 : 0.003)
    let losses = progress.map(\.loss)
    #expect(losses[3] < losses[0], "\(losses)")
  }

  @Test("meta-training of the actor-critic moves gamma and lambda against their gradients")
  func policyGradient() throws {
    // The loss is not what the policy gradient lowers: it is a surrogate that has it.
    let scalars = try train("actor_critic", rate: 0.003).map { $0.scalars.map(\.value) }
    let arrays = try ArrayFile.read(data("actor_critic"))
    for (index, name) in ["gamma", "lambda"].enumerated() {
      let gradient = try arrays.array("grad.\(name)").doubles()[0]
      let values = scalars.map { $0[index] }
      for (before, after) in zip(values, values.dropFirst()) {
        #expect((after - before) * gradient < 0, "\(name): \(values)")
      }
    }
  }

  private func train(_ example: String, rate: Double) throws -> [TrainingProgress] {
    try Repository.withTemporaryFolder { folder in
      var options = TrainingOptions(data: data(example), folder: folder.path)
      options.outerSteps = 4
      options.rate = rate
      var progress: [TrainingProgress] = []
      var trainer = try Trainer(compilation(example, .f64), cache: nil, options: options)
      let isDone = try trainer.run(
        observe: { progress.append($0) }, shouldStop: { false },
        savingFailed: { Issue.record("not saved: \($0)") })
      #expect(isDone)
      #expect(progress.count == 4)
      return progress
    }
  }
}
