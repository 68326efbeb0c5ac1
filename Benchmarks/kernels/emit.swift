// SPDX-License-Identifier: Apache-2.0
//
// Writes the C of the kernels to be measured. Cases come on standard input, one a line:
//
//     LAYOUT M N K BATCH      layout: nn, nt, tn (row-major; n or t says which operand is
//                             transposed), lane (batch innermost in all arrays)
//
// Arguments: element type (f32 or f64) and vector bytes. Standard output gets one C file: the
// runtime helpers, the kernels and a table `cases` that driver.c walks.

import CEmission
import Foundation
import Scheduling

/// One line of the input.
struct Case {
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

  /// The shape as the emitter takes it.
  func shape(_ element: ContractionElement) -> ContractionShape {
    let loops = self.loops
    return ContractionShape(
      batch: [loops[0]], rows: [loops[1]], columns: [loops[2]], inner: [loops[3]],
      element: element)
  }
}

/// Runtime helpers in the order in which they must be written, dependencies first.
func closure(of symbols: [String], in folder: URL) throws -> [String] {
  var order: [String] = []
  var texts: [String] = []
  func visit(_ symbol: String) throws {
    guard !order.contains(symbol) else { return }
    let text = try String(contentsOf: folder.appending(path: symbol + ".h"), encoding: .utf8)
    let second = text.split(separator: "\n", omittingEmptySubsequences: false)[1]
    for word in second.dropFirst("// requires:".count).split(separator: " ") {
      try visit(String(word))
    }
    order.append(symbol)
    texts.append(text)
  }
  for symbol in symbols { try visit(symbol) }
  return texts
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let element = ContractionElement(rawValue: arguments[1]),
  let vectorBytes = Int(arguments[2])
else {
  FileHandle.standardError.write(Data("usage: emit f32|f64 VECTOR-BYTES RUNTIME-FOLDER\n".utf8))
  exit(1)
}
let target = ContractionTarget(vectorBytes: vectorBytes, secondCacheBytes: 1 << 20)
let input = String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
let cases = input.split(separator: "\n").compactMap(Case.init)
let kernels = cases.enumerated().map { number, item in
  emitContraction(item.shape(element), named: "k\(number)", for: target)
}
let helpers = try closure(
  of: kernels.flatMap(\.requiredHelpers), in: URL(filePath: arguments[3]))

print("#include <stdint.h>\ntypedef \(element == .f32 ? "float" : "double") real;")
print(helpers.joined(separator: "\n"))
for (number, kernel) in kernels.enumerated() {
  print(kernel.text)
  // The driver hands scratch to all of them; those that need none have no parameter for it.
  let scratch = kernel.scratchBytesPerWorker > 0 ? "scratch, " : ""
  print(
    """
    static void run_k\(number)(const real *restrict a, const real *restrict b, real *restrict c,
                        real *restrict scratch, int64_t begin, int64_t end) {
      k\(number)(a, b, c, \(scratch)begin, end);
    }

    """)
}
print("#include \"driver.h\"\nconst kernel_case cases[] = {")
for (number, (item, kernel)) in zip(cases, kernels).enumerated() {
  let loops = item.loops.map { "{\($0.extent), \($0.strideA), \($0.strideB), \($0.strideC)}" }
  print(
    "  {\"\(item.layout)\", \"\(kernel.strategy)\", run_k\(number), {\(loops.joined(separator: ", "))},"
  )
  print("   \(kernel.splitCount), \(kernel.scratchBytesPerWorker)},")
}
print("};\nconst int case_count = \(cases.count);")
