// SPDX-License-Identifier: Apache-2.0
//
// `--memory`: memory as an input. Plans the ways of keeping and recomputing activations, and takes
// the one with the least work whose arena fits.
//
//   keep             recompute                 matrix products, in forward passes
//   all layers       -                         11 T + 3
//   in gradients     in second-order passes    14 T + 3
//   -                all layers                15 T + 4
//
// The second row is often free: the second-order pass sets the peak, and below it a gradient has
// room for its activations.

import Diagnostics
import Differentiation
import MixFuseRuntime
import TensorIR

extension Compilation {
  /// The same compilation with what it keeps chosen to fit `BuildOptions.memoryLimit`; as it is if
  /// there is no limit.
  ///
  /// - Parameter workers: the number of threads that the limit is for.
  /// - Cost: one plan of the meta-gradient for each candidate, together some 100 ms.
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
    let choices: [(Rematerialization, ofGradients: Rematerialization?)] = [
      (.none, nil), (.block, Rematerialization.none), (.block, nil),
    ]
    return choices.map { second, gradients in
      var options = options
      options.memoryLimit = nil
      options.derivation.rematerialization = second
      options.derivation.gradientRematerialization = gradients
      return Compilation(path: path, options: options, diagnostics: diagnostics)
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
