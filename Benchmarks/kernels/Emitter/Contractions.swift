// SPDX-License-Identifier: Apache-2.0
//
// Writes the C of the contractions to be measured. Cases come on standard input, one a line:
//
//     LAYOUT M N K BATCH      layout: nn, nt, tn (row-major; n or t says which operand is
//                             transposed), lane (batch innermost in all arrays)
//
// Standard output gets one C file: the runtime helpers, the kernels and a table `cases` that driver.c
// walks.

import CEmission
import Kernels

/// One line of the input.
struct ContractionCase {
  var layout: String
  var rows: Int, columns: Int, inner: Int, batch: Int

  init?(_ line: Substring) {
    let words = line.split(separator: " ")
    let numbers = words.dropFirst().compactMap { Int($0) }
    guard words.count == 5, numbers.count == 4 else { return nil }
    layout = String(words[0])
    (rows, columns, inner, batch) = (numbers[0], numbers[1], numbers[2], numbers[3])
  }

  /// Extents and strides in the order batch, rows, columns, inner.
  var loops: [ContractionDimension] {
    let (m, n, k) = (rows, columns, inner)
    let lanes = layout == "lane" ? batch : 1
    let left = layout == "tn" ? (row: 1, inner: m) : (row: k, inner: 1)
    let right = layout == "nt" ? (column: k, inner: 1) : (column: 1, inner: n)
    return [
      lanes > 1
        ? .init(extent: batch, strideA: 1, strideB: 1, strideC: 1)
        : .init(extent: batch, strideA: m * k, strideB: k * n, strideC: m * n),
      .init(extent: m, strideA: left.row * lanes, strideB: 0, strideC: n * lanes),
      .init(extent: n, strideA: 0, strideB: right.column * lanes, strideC: lanes),
      .init(extent: k, strideA: left.inner * lanes, strideB: right.inner * lanes, strideC: 0),
    ]
  }

  /// The shape as the planner takes it.
  func shape(_ element: ContractionElement) -> ContractionShape {
    let loops = self.loops
    return ContractionShape(
      batch: [loops[0]], rows: [loops[1]], columns: [loops[2]], inner: [loops[3]],
      element: element)
  }
}

/// Writes the contractions on `lines`.
func writeContractions(_ lines: [Substring], _ element: ContractionElement, on machine: Machine) {
  let cases = lines.compactMap(ContractionCase.init)
  let plans = cases.map { ContractionPlan($0.shape(element), on: machine) }
  let kernels = plans.enumerated().map { emitContraction($1, named: "k\($0)") }
  writeHead(helpers: kernels.flatMap(\.requiredHelpers), element)
  for (number, (plan, kernel)) in zip(plans, kernels).enumerated() {
    print(kernel.text)
    // The driver hands scratch to all of them; those that need none have no parameter for it.
    let scratch = plan.scratchBytes > 0 ? "scratch, " : ""
    let unused = plan.scratchBytes > 0 ? "" : "(void)scratch;\n  "
    print(
      """
      static void run_k\(number)(const real *restrict a, const real *restrict b, real *restrict c,
                          real *restrict scratch, int64_t begin, int64_t end) {
        \(unused)k\(number)(a, b, c, \(scratch)begin, end);
      }

      """)
  }
  print("#include \"driver.h\"\nconst kernel_case cases[] = {")
  for (number, (item, plan)) in zip(cases, plans).enumerated() {
    let loops = item.loops.map { "{\($0.extent), \($0.strideA), \($0.strideB), \($0.strideC)}" }
    print("  {\"\(item.layout)\", \"\(plan.strategy)\", run_k\(number),")
    print("   {\(loops.joined(separator: ", "))}, \(plan.splitCount), \(plan.scratchBytes)},")
  }
  print("};\nconst int case_count = \(cases.count);")
}
