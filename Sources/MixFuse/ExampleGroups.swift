// SPDX-License-Identifier: Apache-2.0
//
// `--examples`: the losses of a problem, rewritten before any derivative is taken of them so that they
// compute some examples of a batch at a time. See `GroupExamples.swift`.

import Differentiation
import Optimization
import TensorIR

extension MetaProblem {
  /// The problem with losses that compute so many examples at a time.
  func computing(_ examples: DerivationOptions.Examples) -> MetaProblem {
    guard case .groups(let size) = examples else { return self }
    var problem = self
    let first = theta.count
    problem.innerLoss = innerLoss.groupingExamples(
      ofInputs: Array(first..<(first + meta.count + innerData.count)), size: size)
    // Between meta leaves and data are the inner losses.
    let data = first + meta.count + 1
    problem.outerLoss = outerLoss.groupingExamples(
      ofInputs: Array(first..<(first + meta.count)) + Array(data..<(data + outerData.count)),
      size: size)
    return problem
  }
}
