// SPDX-License-Identifier: Apache-2.0
//
// `--memory`: the least work that fits, and a clear answer if nothing does.

import Diagnostics
import Differentiation
import Foundation
import MixFuseRuntime
import TensorIR
import Testing

@testable import MixFuse

@Suite("Memory as an input")
struct FitMemoryTests {
  private static let spec = "Examples/chinchilla_maml.mix"

  private func fitted(_ mebibytes: Int) throws -> Compilation {
    var options = BuildOptions()
    options.preset = "small"
    options.memoryLimit = mebibytes << 20
    return try Compilation(path: Repository.file(Self.spec).path, options: options)
      .fittingMemory(workers: 2)
  }

  @Test("more memory means less to recompute, and the plan keeps to the limit")
  func choices() throws {
    var flops: [Int] = []
    for mebibytes in [600, 400] {
      let plan = try fitted(mebibytes).plan([.metaGradient]).entryPoints[0]
      #expect(plan.totalBytes(workers: 2) <= mebibytes << 20)
      flops.append(plan.flops)
    }
    let block = try PlanTests.compilation(Self.spec, preset: "small").plan([.metaGradient])
    flops.append(block.entryPoints[0].flops)
    #expect(flops == flops.sorted() && Set(flops).count == 3, "\(flops)")
    #expect(try fitted(600).options.derivation.lastStep != .inLoop)
    #expect(try fitted(600).options.derivation.rematerialization == .none)
    #expect(try fitted(400).options.derivation.rematerializationText == "block (gradients none)")
  }

  @Test("too little memory is an error that says how much is needed")
  func tooLittle() throws {
    let error = try #require(throws: CompilationFailure.self) { try fitted(300) }
    let text = error.diagnostics.rendered()
    #expect(text.contains("[memory.too-little]"))
    #expect(text.contains("more than the 300 MiB that --memory allows"))
  }

  @Test(
    "keeping layers in gradients only changes nothing but the work",
    arguments: [
      DerivationOptions.Derivation.mixed, .standard,
    ])
  func agreement(_ derivation: DerivationOptions.Derivation) throws {
    try Repository.withTemporaryFolder { folder in
      var outputs: [NamedArrays] = []
      for gradients in [nil, DerivationOptions.Rematerialization.none] {
        var options = BuildOptions()
        options.dtype = .f64
        options.derivation.derivation = derivation
        options.derivation.gradientRematerialization = gradients
        let result = try Compilation(path: Repository.file(Self.spec).path, options: options)
          .build(into: folder.path, cache: nil)
        let session = try Session(Library(path: result.library))
        let arrays = try ArrayFile.read(
          Repository.file("Tests/Data/reference/chinchilla_maml.npz").path)
        outputs.append(try session.run(arrays))
      }
      for (name, array) in outputs[0] {
        let other = try outputs[1].array(name)
        #expect(ArrayError(other.doubles(), expected: array.doubles()).relative < 1e-9, "\(name)")
      }
    }
  }
}
