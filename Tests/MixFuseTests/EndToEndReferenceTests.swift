// SPDX-License-Identifier: Apache-2.0
//
// The main promise: compiled libraries reproduce the reference meta-gradients (see
// Tests/Data/reference/README.md), in both float types, under all eight combinations of the
// derivation's switches, and with the same bits for any number of threads.

import CEmission
import Differentiation
import Foundation
import MixFuse
import MixFuseRuntime
import TensorIR
import Testing

/// A reference problem and the spec that reproduces it.
struct ReferenceProblem: Sendable, CustomTestStringConvertible {
  let name: String
  let spec: String
  let dims: [String: Int]
  /// The limit: three times the error of JAX in f32, rounded up.
  let float32Limit: Double
  /// The derivations that are tried in each float type.
  var float64Derivations = DerivationOptions.allCombinations
  var float32Derivations = DerivationOptions.allCombinations

  static let float64Limit = 1e-9

  static let all =
    [
      ReferenceProblem(
        name: "maml_sinusoid_t1", spec: "Examples/maml_sinusoid.mix", dims: [:], float32Limit: 1e-5),
      ReferenceProblem(
        name: "maml_sinusoid_t5", spec: "Examples/maml_sinusoid.mix",
        dims: ["steps": 5, "tasks": 4], float32Limit: 2e-5),
      ReferenceProblem(
        name: "mnist1d_lr", spec: "Examples/mnist1d_lr.mix", dims: ["steps": 20], float32Limit: 1e-5
      ),
    ]
    + transformer("maml", float32Limit: 3e-2) + transformer("learning_lr", float32Limit: 3e-5)
    + transformer("loss_weighting", float32Limit: 1.5e-3)

  /// A reference problem on the transformer, by the example, which uses the fused attention and
  /// loss, and by the case that writes out what these compute. A build takes a second, so the second
  /// one, and both in f32, are left to the two derivations that have least in common.
  private static func transformer(_ task: String, float32Limit: Double) -> [Self] {
    let opposite = DerivationOptions(
      derivation: .standard, rematerialization: .none, innerGradients: .recompute)
    // What `--memory` chooses where there is much or enough of it.
    let kept = [0, 256, .max].map {
      DerivationOptions(rematerialization: .none, lastStep: .apart(intensity: $0))
    }
    let example = ReferenceProblem(
      name: "chinchilla_\(task)", spec: "Examples/chinchilla_\(task).mix", dims: [:],
      float32Limit: float32Limit, float64Derivations: DerivationOptions.allCombinations + kept,
      float32Derivations: [DerivationOptions(), opposite, kept[1]])
    let writtenOut = ReferenceProblem(
      name: example.name, spec: "Tests/Cases/chinchilla/\(task).mix", dims: [:],
      float32Limit: float32Limit, float64Derivations: [DerivationOptions(), opposite],
      float32Derivations: [DerivationOptions(), opposite])
    return [example, writtenOut]
  }

  var testDescription: String { "\(name) by \(spec)" }
  var file: String { Repository.file("Tests/Data/reference/\(name).npz").path }

  func compilation(_ dtype: DType, _ derivation: DerivationOptions) -> Compilation {
    var options = BuildOptions()
    options.dims = dims
    options.dtype = dtype
    options.derivation = derivation
    return Compilation(path: Repository.file(spec).path, options: options)
  }
}

/// One build of a problem, as the argument of a test.
struct ReferenceBuild: Sendable, CustomTestStringConvertible {
  let problem: ReferenceProblem
  let dtype: DType
  let derivation: DerivationOptions

  static let all = ReferenceProblem.all.flatMap { problem in
    [(DType.f64, problem.float64Derivations), (.f32, problem.float32Derivations)]
      .flatMap { dtype, derivations in
        derivations.map { Self(problem: problem, dtype: dtype, derivation: $0) }
      }
  }

  var testDescription: String {
    "\(problem.testDescription), \(dtype.rawValue), \(derivation.derivation), "
      + "remat \(derivation.rematerializationText), \(derivation.innerGradients) inner gradients"
  }
}

@Suite("Reference problems, end to end")
struct EndToEndReferenceTests {
  @Test(
    "every build reproduces its reference, on one thread and on two alike",
    arguments: ReferenceBuild.all)
  func reproduces(_ build: ReferenceBuild) throws {
    try Repository.withTemporaryFolder { folder in
      let result = try build.problem.compilation(build.dtype, build.derivation)
        .build(into: folder.path, cache: nil)
      let library = try Library(path: result.library)
      let arrays = try ArrayFile.read(build.problem.file)
      let outputs = try [nil, ThreadPool(workers: 2)].map { pool in
        let session = try Session(library, entryPoint: "meta_gradient", pool: pool)
        session.conversion = .whenNeeded
        return try session.run(arrays)
      }
      #expect(outputs[0] == outputs[1], "the number of threads changes bits")
      let expected = arrays.filter { $0.name == "loss" || $0.name.hasPrefix("grad") }
      #expect(expected.count >= 2)
      let limit =
        build.dtype == .f64 ? ReferenceProblem.float64Limit : build.problem.float32Limit
      for (name, array) in expected {
        let found = try outputs[0].array(name)
        #expect(found.shape == array.shape)
        let error = ArrayError(found.doubles(), expected: array.doubles())
        #expect(error.relative <= limit, "\(name): \(error.relative)")
      }
    }
  }

  @Test("the same inputs give the same bits in every call and in every session")
  func repeatable() throws {
    let problem = ReferenceProblem.all[1]
    try Repository.withTemporaryFolder { folder in
      let result = try problem.compilation(.f32, DerivationOptions())
        .build(into: folder.path, cache: nil)
      let library = try Library(path: result.library)
      let arrays = try ArrayFile.read(problem.file)
      let pool = try ThreadPool(workers: 3)
      var first: NamedArrays?
      for _ in 0..<3 {
        let session = try Session(library, pool: pool)
        session.conversion = .whenNeeded
        for _ in 0..<5 {
          let outputs = try session.run(arrays)
          #expect(outputs == first ?? outputs)
          first = outputs
        }
      }
    }
  }

  @Test("the same spec and options give the same bytes of C, header, manifest and binding")
  func deterministicBytes() throws {
    let problem = ReferenceProblem.all[2]
    try Repository.withTemporaryFolder { folder in
      let files = try ["a", "b"].map { name in
        try problem.compilation(.f32, DerivationOptions())
          .build(into: folder.appending(path: name).path, cache: nil).files
      }
      for (first, second) in zip(files[0], files[1]) {
        #expect(
          FileManager.default.contentsEqual(atPath: first, andPath: second), "\(second)")
      }
    }
  }

  @Test(
    "C size does not grow with the number of steps",
    arguments: [DerivationOptions.StepActivations.saved, .recomputed])
  func sizeOfC(_ stepActivations: DerivationOptions.StepActivations) throws {
    // Up to 16 steps the first one has code of its own.
    let sizes = try [5, 16, 17, 500].map { steps in
      var options = BuildOptions()
      options.dims = ["steps": steps]
      options.targetCPU = "x86-64-v3"
      options.derivation.stepActivations = stepActivations
      let compilation = Compilation(
        path: Repository.file("Examples/mnist1d_lr.mix").path, options: options)
      let text = try compilation.generatedText(
        of: compilation.problem(), for: compilation.target())
      return text.library.source.utf8.count
    }
    #expect(abs(sizes[1] - sizes[0]) * 100 < sizes[0], "\(sizes)")
    #expect(abs(sizes[3] - sizes[2]) * 100 < sizes[2], "\(sizes)")
    // Six kilobytes of about a hundred.
    #expect(abs(sizes[2] - sizes[1]) < 8_000, "\(sizes)")
  }
}
