// SPDX-License-Identifier: Apache-2.0
//
// `--memory`: memory as an input. Plans the ways of keeping and recomputing activations, and takes
// the one with the least work whose arena fits.
//
//   keep             recompute                 matrix products, in forward passes
//   all layers       -                         11 T + 3, and 11 T + 1 with the last step's values
//   in gradients     in second-order passes    14 T + 3
//   -                all layers                15 T + 4
//
// The second row is often free: the second-order pass sets the peak, and below it a gradient has
// room for its activations. Of the last step's values those are kept first that save the most work
// for their size.

import Diagnostics
import Differentiation
import MixFuseRuntime
import TensorIR

extension Compilation {
  /// The same compilation with what it keeps chosen to fit `BuildOptions.memoryLimit`; as it is if
  /// there is no limit.
  ///
  /// - Parameter workers: the number of threads that the limit is for.
  /// - Cost: one plan of the meta-gradient for each candidate, together some 200 ms.
  /// - Throws: `CompilationFailure`, also if nothing fits.
  package func fittingMemory(workers: Int = ThreadPool.availableProcessors) throws -> Compilation {
    guard let limit = options.memoryLimit else { return self }
    var least = Int.max
    var best: (compilation: Compilation, flops: Int)?
    for candidate in memoryCandidates {
      let plan = try candidate.plan([.metaGradient]).entryPoints[0]
      let bytes = plan.totalBytes(workers: workers)
      least = min(least, bytes)
      if bytes <= limit, plan.flops < best?.flops ?? .max { best = (candidate, plan.flops) }
    }
    guard let best else {
      diagnostics.report(
        MemoryMessage.tooLittle(limit: byteCount(limit), least: byteCount(least)), at: nil,
        help: "a smaller batch, a shorter sequence or fewer steps need less")
      throw CompilationFailure(diagnostics: diagnostics)
    }
    return best.compilation
  }

  /// This compilation with each choice of what to keep.
  private var memoryCandidates: [Compilation] {
    let all = Rematerialization.none
    // A product of two matrices gives half as many operations for each byte as its sums have terms.
    let lastSteps: [DerivationOptions.LastStep] = [
      .apart(intensity: 0), .apart(intensity: 256), .apart(intensity: 512),
      .apart(intensity: .max), .inLoop,
    ]
    let choices: [(Rematerialization, Rematerialization?, DerivationOptions.LastStep)] =
      lastSteps.map { (all, nil, $0) } + [(.block, all, .inLoop), (.block, nil, .inLoop)]
    return choices.map { secondOrder, gradients, lastStep in
      var options = options
      options.memoryLimit = nil
      options.derivation.rematerialization = secondOrder
      options.derivation.gradientRematerialization = gradients
      options.derivation.lastStep = lastStep
      return with(options)
    }
  }
}

/// Messages about memory.
enum MemoryMessage: DiagnosticMessage {
  case tooLittle(limit: String, least: String)

  var id: String { "memory.too-little" }

  var text: String {
    switch self {
    case .tooLittle(let limit, let least):
      "the meta-gradient needs at least \(least), more than the \(limit) that --memory allows"
    }
  }
}
