// SPDX-License-Identifier: Apache-2.0
//
// The meaning of reductions, contractions and loops: everything that accumulates or repeats.
// Sums run in C order of the summed axes, one rounding for each product and each addition; long ones
// in blocks that are added pair by pair, since the error of one running total grows with its length,
// and a yardstick should not be worse than what it measures.

import TensorIR

extension Evaluator {
  /// Combines over `axes`, which vanish from the shape.
  func reduce(_ x: NumericArray, _ reduction: Reduction, axes: [Int]) -> NumericArray {
    let strides = x.shape.denseStrides
    let kept = x.shape.indices.filter { !axes.contains($0) }
    let shape = kept.map { x.shape[$0] }
    let starts = stridedOffsets(shape: shape, strides: kept.map { strides[$0] })
    let steps = stridedOffsets(shape: axes.map { x.shape[$0] }, strides: axes.map { strides[$0] })
    let precision = precision.appropriate(for: x.type.dtype)
    let isWhole = x.type.dtype == .i32
    let elements = x.elements.withUnsafeBufferPointer { x in
      starts.map { start in
        switch reduction {
        case .sum where isWhole:
          steps.dropFirst().reduce(x[start]) { BinaryFunction.add.wrapping($0, x[start + $1]) }
        case .sum: sum(steps.indices, precision) { x[start + steps[$0]] }
        case .maximum:
          steps.dropFirst().reduce(x[start]) { BinaryFunction.maximum($0, x[start + $1]) }
        }
      }
    }
    return NumericArray(TensorType(shape, x.type.dtype), elements)
  }

  /// For every element of the output: the sum of products over the labels that are not in it.
  func contract(
    _ lhs: NumericArray, _ rhs: NumericArray, _ labels: ContractionLabels
  ) -> NumericArray {
    let extents = extents(of: labels, lhs.shape, rhs.shape)
    let summed = labels.lhs.filter { !labels.output.contains($0) }
    let shape = labels.output.map { extents[$0, default: 1] }
    let summedShape = summed.map { extents[$0, default: 1] }
    /// Offsets into one operand while `walk` advances over the extents of its labels.
    func offsets(_ operand: [Int], _ strides: [Int], walk: [Int], _ shape: [Int]) -> [Int] {
      let stride = Dictionary(uniqueKeysWithValues: zip(operand, strides))
      return stridedOffsets(shape: shape, strides: walk.map { stride[$0, default: 0] })
    }
    let lhsStrides = lhs.shape.denseStrides
    let rhsStrides = rhs.shape.denseStrides
    let lhsStarts = offsets(labels.lhs, lhsStrides, walk: labels.output, shape)
    let rhsStarts = offsets(labels.rhs, rhsStrides, walk: labels.output, shape)
    let lhsSteps = offsets(labels.lhs, lhsStrides, walk: summed, summedShape)
    let rhsSteps = offsets(labels.rhs, rhsStrides, walk: summed, summedShape)
    let steps = Array(zip(lhsSteps, rhsSteps))
    let elements = lhs.elements.withUnsafeBufferPointer { lhs in
      rhs.elements.withUnsafeBufferPointer { rhs in
        zip(lhsStarts, rhsStarts).map { lhsStart, rhsStart in
          sum(steps.indices, precision) { number in
            let (lhsStep, rhsStep) = steps[number]
            return precision.computed(lhs[lhsStart + lhsStep] * rhs[rhsStart + rhsStep])
          }
        }
      }
    }
    return NumericArray(TensorType(shape, lhs.type.dtype), elements)
  }

  /// The sum of `term(i)` over a range that is not empty: in order up to a few hundred terms, longer
  /// ones as the sum of two halves.
  private func sum(
    _ range: Range<Int>, _ precision: Precision, _ term: (Int) -> Double
  ) -> Double {
    if range.count > 256 {
      let middle = range.lowerBound + range.count / 2
      return precision.rounded(
        sum(range.lowerBound..<middle, precision, term)
          + sum(middle..<range.upperBound, precision, term))
    }
    var result = term(range.lowerBound)
    for index in range.dropFirst() { result = precision.rounded(result + term(index)) }
    return result
  }

  private func extents(of labels: ContractionLabels, _ lhs: [Int], _ rhs: [Int]) -> [Int: Int] {
    Dictionary(zip(labels.lhs + labels.rhs, lhs + rhs)) { first, _ in first }
  }

  /// Runs the body once for each iteration; see `Loop` for the order of operands and results.
  func run(_ loop: Loop, _ operands: [NumericArray], _ body: Program) throws -> [NumericArray] {
    var carries = Array(operands[loop.carryRange])
    let stacked = operands[loop.stackedInputRange]
    let invariants = operands[loop.invariantRange]
    let sliceTypes = loop.body.outputTypes.dropFirst(loop.carryCount)
    var stackedOutputs = sliceTypes.map { type in
      NumericArray(TensorType([loop.tripCount] + type.shape, type.dtype), repeating: 0)
    }
    let limit = loop.isLimited ? operands.last.map { Int($0.elements[0]) } : nil
    let forward = 0..<(limit ?? loop.tripCount)
    for iteration in loop.isReversed ? Array(forward.reversed()) : Array(forward) {
      let index = NumericArray(.scalar(.i32), [Double(iteration)])
      let slices = stacked.map { $0.slice(at: iteration) }
      let results = try run(body, [index] + carries + slices + invariants)
      carries = Array(results.prefix(loop.carryCount))
      for (position, slice) in results.dropFirst(loop.carryCount).enumerated() {
        let count = slice.elements.count
        let range = (iteration * count)..<((iteration + 1) * count)
        stackedOutputs[position].elements.replaceSubrange(range, with: slice.elements)
      }
    }
    return carries + stackedOutputs
  }
}
