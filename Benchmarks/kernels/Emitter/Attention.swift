// SPDX-License-Identifier: Apache-2.0
//
// Writes the C of the attention kernels to be measured. Cases come on standard input, one a line:
//
//     ORDER BATCH SEQUENCE HEADS KEY-HEADS WIDTH causal|full
//
// Standard output gets one C file: the helpers, the kernels and a table `cases` that
// attention_driver.c walks.

import CEmission
import Kernels
import MixFuseShared
import TensorIR

/// One line of the input.
private func shape(_ line: Substring, _ element: FloatType) -> AttentionShape? {
  let words = line.split(separator: " ")
  let numbers = words.dropFirst().compactMap { Int($0) }
  guard words.count == 7, numbers.count == 5,
    let order = DerivativeOrder(rawValue: String(words[0]))
  else { return nil }
  return AttentionShape(
    order: order, batch: numbers[0], queries: numbers[1], keys: numbers[1], heads: numbers[2],
    keyHeads: numbers[3], width: numbers[4],
    scores: AttentionScores(
      scale: 1 / Double(numbers[4]).squareRoot(), isCausal: words[6] == "causal"),
    element: element)
}

/// The kinds of a kernel's arrays, in order: q like queries, k like keys, l row statistics.
private func arrays(_ order: DerivativeOrder) -> String {
  switch order {
  case .value: "qkkql"
  case .tangent: "qkkqlqkkql"
  case .adjoint: "qkkqlqqkk"
  case .adjointTangent: "qkkqlqqkkqlqqkk"
  }
}

/// Writes the attention kernels on `lines`.
func writeAttention(_ lines: [Substring], _ element: FloatType, on machine: Machine) {
  let plans = lines.compactMap { shape($0, element) }.map { AttentionPlan($0, on: machine) }
  let kernels = plans.enumerated().map { emitAttention($1, named: "k\($0)") }
  writeHead(helpers: kernels.flatMap(\.requiredHelpers), element)
  for (number, (plan, kernel)) in zip(plans, kernels).enumerated() {
    let count = arrays(plan.shape.order).count + 1
    let pointers = (0..<count).map { "p[\($0)]" }.joined(separator: ", ")
    print(kernel.text)
    print("static void run_k\(number)(real **p, int64_t begin, int64_t end) {")
    print("  k\(number)(\(pointers), begin, end);\n}\n")
  }
  print("#include \"attention_driver.h\"\nconst attention_case cases[] = {")
  for (number, plan) in plans.enumerated() {
    let shape = plan.shape
    let sizes = [shape.batch, shape.queries, shape.heads, shape.keyHeads, shape.width]
    let title = "\(shape.order.rawValue)\(shape.scores.isCausal ? ", causal" : "")"
    print("  {\"\(title)\", run_k\(number), \"\(arrays(shape.order))\",")
    print("   {\(sizes.map { "\($0)" }.joined(separator: ", "))}, \(plan.splitCount),")
    print("   \(plan.scratchBytes), \(shape.flops)},")
  }
  print("};\nconst int case_count = \(plans.count);")
}
