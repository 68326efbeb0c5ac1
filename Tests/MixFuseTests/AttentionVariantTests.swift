// SPDX-License-Identifier: Apache-2.0
//
// What attention may be asked for besides causal masks, end to end: a spec with all of it against
// JAX's results from whole score matrices, the interpreter, the other derivation and finite
// differences; and that none of it makes an array of all pairs.

import Differentiation
import Foundation
import Kernels
import MixFuseRuntime
import Scheduling
import TensorIR
import Testing

@testable import MixFuse

@Suite("Variants of attention")
struct AttentionVariantTests {
  private static let spec = "Tests/Cases/attention/variants.mix"
  private static let reference = "Tests/Data/attention/variants.npz"

  private static func compilation(_ dtype: DType, _ derivation: Derivation) -> Compilation {
    var options = BuildOptions()
    options.dtype = dtype
    options.derivation.derivation = derivation
    return Compilation(path: Repository.file(spec).path, options: options)
  }

  @Test(
    "all of them agree with JAX and are verified, in both derivations and both float types",
    arguments: Derivation.allCases, [DType.f64, .f32])
  func verified(_ derivation: Derivation, _ dtype: DType) throws {
    var request = VerificationRequest()
    request.usesCache = false
    request.reference = Repository.file(Self.reference).path
    let report = try Self.compilation(dtype, derivation).verify(request)
    #expect(report.isVerified, "\(report.text)")
    let comparisons = report.sections.flatMap(\.comparisons)
    let oracles = Set(comparisons.map(\.oracle))
    #expect(
      oracles.isSuperset(of: [.interpreter, .otherDerivation, .finiteDifference, .reference]))
    for meta in ["near.q", "far.by_distance", "free.bias", "slopes", "log_rate"] {
      #expect(comparisons.contains { $0.array.contains(meta) }, "\(meta)")
    }
  }

  @Test("the number of threads changes no bit")
  func threads() throws {
    try Repository.withTemporaryFolder { folder in
      let result = try Self.compilation(.f32, .mixed).build(into: folder.path, cache: nil)
      let library = try Library(path: result.library)
      let arrays = try ArrayFile.read(Repository.file(Self.reference).path)
      let outputs = try [nil, ThreadPool(workers: 2), ThreadPool(workers: 3)].map { pool in
        let session = try Session(library, entryPoint: "meta_gradient", pool: pool)
        session.conversion = .whenNeeded
        return try session.run(arrays)
      }
      #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
    }
  }

  @Test("terms by distance, windows and lengths make no array of all pairs")
  func fused() throws {
    try Repository.withTemporaryFolder { folder in
      let length = 4096
      let path = folder.appending(path: "long.mix").path
      try Self.long.write(toFile: path, atomically: true, encoding: .utf8)
      let compilation = Compilation(path: path, options: BuildOptions())
      let programs = try compilation.programs(
        of: compilation.problem(), on: compilation.target().machine)
      let largest = programs.flatMap(\.buffers).map(\.elementCount).max()
      #expect(try #require(largest) < length * length / 8)
    }
  }

  private static let long = """
    spec long
    dim seq = 4096, heads = 2, width = 4
    params theta {
      q: [8, 8]  k: [8, 8]  by_distance: [32, heads]  slopes: [heads]
    }
    meta eta = theta.initial
    func f(p: theta, x: [2, seq, 8], n: i32 [2]) {
      let q = reshape(x @ p.q, [2, seq, heads, width])
      let k = reshape(x @ p.k, [2, seq, heads, width])
      let o = attention(
        q, k, k, window: 512, prefix: 4, lengths: n, softcap: 30, alibi: p.slopes,
        relative: transpose(take(p.by_distance, relative_buckets(seq, seq))))
      return mean(square(o))
    }
    inner(x: [2, seq, 8], n: i32 [2]) { minimize f(theta, x, n) by sgd(rate: 0.1) for 2 }
    outer(z: [2, seq, 8], m: i32 [2]) { minimize f(theta, z, m) }
    """
}
