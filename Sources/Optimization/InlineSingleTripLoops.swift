// SPDX-License-Identifier: Apache-2.0
//
// Replaces a loop of one iteration by its body.
//
//     %2 = loop{"steps" trips 1 carries 1 stacked 1 save carries} %0, %1 : f32[3]
//       body "step" { ... %4 = add %carry, %slice ... }
//   ->
//     %2 = reshape{shape [3]} %1 : f32[3]
//     %3 = add %0, %2 : f32[3]
//
// The index becomes the constant 0, slices of stacked arrays become reshapes. What a carry or a stack
// was for, the value that is left of it is for. Loops of more than one iteration are never unrolled:
// code size must not grow with trip counts.

import TensorIR

extension Pass {
  package static let inlineSingleTripLoops = Pass(
    name: "inline single trip loops",
    summary: "replaces loops of one iteration by their body",
    run: withoutSingleTripLoops)
}

@Sendable private func withoutSingleTripLoops(_ graph: Graph) -> Graph {
  Rewriter.rewrite(graph) { rewriter, node, operands in
    let op = node.op.mapRegions(withoutSingleTripLoops)
    guard case .loop(let loop) = op, loop.tripCount == 1, !loop.isLimited else {
      return rewriter.append(op, operands)
    }
    return inlined(loop, operands, rewriter)
  }
}

/// The body in place of the loop; returns the values of the loop's results.
private func inlined(_ loop: Loop, _ operands: [ValueID], _ rewriter: Rewriter) -> [ValueID] {
  let index = rewriter.append(.constant(0, .scalar(.i32)), [])
  let arguments = operands.enumerated().map { position, operand in
    guard loop.stackedInputRange.contains(position) else { return operand }
    let shape = Array(rewriter.type(of: operand).shape.dropFirst())
    return rewriter.append(.reshape(shape), [operand])[0]
  }
  let outputs = rewriter.inline(loop.body, index + arguments)
  return outputs.enumerated().map { position, output in
    rewriter.raise(output, to: loop.purpose(ofResult: position))
    guard position >= loop.carryCount else { return output }
    return rewriter.append(.reshape([1] + rewriter.type(of: output).shape), [output])[0]
  }
}
