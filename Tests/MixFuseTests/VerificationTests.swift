// SPDX-License-Identifier: Apache-2.0
//
// `verify` on real specs: it passes on what is right, and, more to the point, fails on what is
// wrong: a wrong reference, a wrong gradient. Its advice about shapes, its account of conditioning
// and its way with large models are checked on specs made for the purpose.

import Diagnostics
import Differentiation
import Foundation
import Interpreter
import MixFuseRuntime
import TensorIR
import Testing

@testable import MixFuse

@Suite("Verification")
struct VerificationTests {
  private static let maml = Repository.file("Examples/maml_sinusoid.mix").path
  private static let reference =
    Repository.file("Tests/Data/reference/maml_sinusoid_t5.npz").path

  private static func options(_ dims: [String: Int], _ dtype: DType = .f64) -> BuildOptions {
    var options = BuildOptions()
    options.dims = dims
    options.dtype = dtype
    return options
  }

  @Test("passes every oracle on a reference problem", arguments: [DType.f64, .f32])
  func passes(_ dtype: DType) throws {
    var request = VerificationRequest()
    request.reference = Self.reference
    let options = Self.options(["steps": 5, "tasks": 4], dtype)
    let report = try Compilation(path: Self.maml, options: options).verify(request)
    #expect(report.isVerified)
    #expect(report.skipped.isEmpty)
    let comparisons = try #require(report.sections.first).comparisons
    #expect(comparisons.allSatisfy { $0.outcome == .passed })
    for oracle in Oracle.allCases {
      let arrays = Set(
        comparisons.filter { $0.oracle == oracle && $0.entryPoint == "meta_gradient" }
          .map(\.array))
      let gradients = Set(["w1", "b1", "w2", "b2", "w3", "b3"].map { "grad.\($0)" })
      #expect(arrays.subtracting(["loss"]) == gradients, "\(oracle)")
    }
    #expect(Set(comparisons.map(\.entryPoint)) == Set(EntryPoint.allCases.map(\.rawValue)))
    #expect(report.text.hasSuffix("\nverified\n"))
  }

  @Test("fails if the reference is another problem's, and says which dim the file does not show")
  func wrongReference() throws {
    var request = VerificationRequest()
    request.reference = Self.reference
    let options = Self.options(["tasks": 4])
    let report = try Compilation(path: Self.maml, options: options).verify(request)
    #expect(!report.isVerified)
    let comparisons = try #require(report.sections.first).comparisons
    #expect(comparisons.filter { $0.outcome == .failed }.allSatisfy { $0.oracle == .reference })
    #expect(report.text.contains("the file's arrays do not show steps = 1"))
    #expect(report.text.hasSuffix("\nMISMATCH\n"))
  }

  @Test("a reference with other shapes is an error that names the dims to set")
  func shapes() throws {
    var request = VerificationRequest()
    request.reference = Self.reference
    let compilation = Compilation(path: Self.maml, options: Self.options([:]))
    #expect(throws: CompilationFailure.self) { try compilation.verify(request) }
    let text = compilation.diagnostics.rendered()
    for part in [
      "x_query of \(Self.reference) has shape [4, 10, 1], expected [25, 10, 1] by the spec's dims",
      "the shapes fit with --set tasks=4; the arrays do not show steps (now 1)",
    ] {
      #expect(text.contains(part))
    }
  }

  @Test("a reference without results, or without an input, is an error")
  func incompleteReference() throws {
    try Repository.withTemporaryFolder { folder in
      let arrays = try ArrayFile.read(Self.reference)
      let options = Self.options(["steps": 5, "tasks": 4])
      let path = folder.appending(path: "inputs.npz").path
      var request = VerificationRequest()
      request.reference = path
      var inputs = arrays
      for (name, _) in arrays where name == "loss" || name.hasPrefix("grad") { inputs[name] = nil }
      try ArrayFile.write(inputs, to: path)
      let compilation = Compilation(path: Self.maml, options: options)
      #expect(throws: CompilationFailure.self) { try compilation.verify(request) }
      #expect(compilation.diagnostics.rendered().contains("holds nothing to compare with"))
      var partial = arrays
      partial["eta.w2"] = nil
      try ArrayFile.write(partial, to: path)
      #expect(throws: RuntimeError.arrayMissing(name: "eta.w2", expected: "[40, 40]")) {
        try Compilation(path: Self.maml, options: options).verify(request)
      }
    }
  }

  @Test("stop_gradient: differences hold the stopped values fixed, also inside loops")
  func stoppedValues() throws {
    let spec = Repository.file("Examples/digits_reweighting.mix").path
    let dims = ["hidden": 6, "units": 5, "batch": 4, "clean": 5, "steps": 3]
    let report = try Compilation(path: spec, options: Self.options(dims)).verify()
    let differences = try #require(report.sections.first).comparisons
      .filter { $0.oracle == .finiteDifference }
    #expect(differences.filter { $0.entryPoint == "meta_gradient" }.count == 4)
    #expect(Set(differences.map(\.entryPoint)) == Set(DerivativeLevel.allCases.map(\.rawValue)))
    #expect(differences.allSatisfy { $0.outcome == .passed })
    #expect(report.isVerified)
  }

  @Test("a model too large for the interpreter is verified at reduced dims, which are named")
  func reducedDims() throws {
    var request = VerificationRequest()
    request.interpreterBudget = 0.05
    let report = try Compilation(path: Self.maml, options: Self.options([:], .f32)).verify(request)
    #expect(report.isVerified)
    #expect(report.sections.filter { !$0.isSpecial }.count == 2)
    let full = report.sections[0]
    #expect(Set(full.comparisons.map(\.oracle)) == [.otherDerivation])
    let reduced = report.sections[1]
    #expect(Set(reduced.comparisons.map(\.oracle)) != [.otherDerivation])
    let sizes = zip(full.dims, reduced.dims).map { ($0.value, $1.value) }
    #expect(sizes.contains { $0.1 < $0.0 } && sizes.allSatisfy { $0.1 <= $0.0 })
    #expect(report.text.contains("reduced dims, for the interpreter: points ="))
  }

  @Test("JSON says the same as the table")
  func json() throws {
    let report = try Compilation(path: Self.maml, options: Self.options(["tasks": 2])).verify()
    let object = try JSONSerialization.jsonObject(with: Data(report.json().utf8))
    let dictionary = try #require(object as? [String: Any])
    #expect(dictionary["verified"] as? Bool == true)
    #expect(dictionary["name"] as? String == "maml_sinusoid")
    let sections = try #require(dictionary["sections"] as? [[String: Any]])
    #expect((sections[0]["comparisons"] as? [Any])?.count == report.sections[0].comparisons.count)
  }
}

@Suite("Measures of error")
struct ArrayErrorTests {
  @Test("relative errors are norms over norms; two zeros agree; NaN never does")
  func measures() {
    let error = ArrayError([3, 4.5], expected: [3, 4])
    #expect(error.maximum == 0.5)
    #expect(error.relative == 0.1)
    #expect(ArrayError([0, 0], expected: [0, 0]).relative == 0)
    #expect(ArrayError([1e-30], expected: [0]).relative == .infinity)
    #expect(ArrayError([.nan], expected: [1]).relative == .infinity)
    #expect(ArrayError([.nan], expected: [.nan]).relative == .infinity)
    #expect(ArrayError([.infinity], expected: [.infinity]).relative == 0)
  }

  @Test(
    "an array that is zero but for rounding is judged by what rounding does",
    arguments: [DType.f64, .f32])
  func roundingZero(_ dtype: DType) throws {
    // x / y * y - x: zero but for rounding, whose size goes with that of x.
    let builder = GraphBuilder(name: "zero")
    let (x, y) = (builder.input("x", .scalar(dtype)), builder.input("y", .scalar(dtype)))
    let product = builder.multiply(builder.divide(x, y), y)
    builder.output("grad", builder.subtract(product, x))
    let pool = try ThreadPool(workers: 1)
    let zero = Computation(method: "", InterpretedProgram(graph: builder.graph), pool: pool)
    let size = 1000.0
    let inputs: NamedArrays = try [
      "x": NDArray([size * 0.7], shape: []), "y": NDArray([0.3], shape: []),
    ]
    let judgement = try Judgement(zero, of: dtype, at: inputs)
    let rounding = size * (dtype == .f32 ? 0x1p-24 : 0x1p-53)
    let verdicts = try [rounding, 1e3 * rounding].map { value in
      try judgement.comparisons(
        of: ["grad": NDArray([value], shape: [])], with: judgement.expected, .interpreter, ""
      )[0].outcome
    }
    #expect(verdicts == [.passed, .failed])
  }

  @Test("what is infinite in both is not judged; what is finite in one only is wrong")
  func gaps() throws {
    let builder = GraphBuilder(name: "quotient")
    let x = builder.input("x", .scalar(.f64))
    builder.output("y", builder.divide(builder.constant(1, .scalar(.f64)), x))
    let pool = try ThreadPool(workers: 1)
    let quotient = Computation(method: "", InterpretedProgram(graph: builder.graph), pool: pool)
    let judgement = try Judgement(quotient, of: .f64, at: ["x": NDArray([0], shape: [])])
    let verdicts = try [Double.infinity, -.infinity, .nan, 1].map { value in
      try judgement.comparisons(
        of: ["y": NDArray([value], shape: [])], with: judgement.expected, .interpreter, ""
      )[0].outcome
    }
    #expect(verdicts == [.undecided, .failed, .failed, .failed])
  }
}
