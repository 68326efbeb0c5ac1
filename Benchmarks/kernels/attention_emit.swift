// SPDX-License-Identifier: Apache-2.0
//
// Writes the C of the attention kernels to be measured. Cases come on standard input, one a line:
//
//     ORDER BATCH SEQUENCE HEADS KEY-HEADS WIDTH causal|full
//
// Arguments: element type (f32 or f64), vector bytes and the folder of the runtime helpers.
// Standard output gets one C file: the helpers, the kernels and a table `cases` that
// attention_driver.c walks.

import CEmission
import Foundation
import Scheduling
import TensorIR

/// One line of the input.
func shape(_ line: Substring, _ element: ContractionElement) -> AttentionShape? {
  let words = line.split(separator: " ")
  let numbers = words.dropFirst().compactMap { Int($0) }
  guard words.count == 7, numbers.count == 5,
    let order = DerivativeOrder(rawValue: String(words[0]))
  else { return nil }
  return AttentionShape(
    order: order, batch: numbers[0], queries: numbers[1], keys: numbers[1], heads: numbers[2],
    keyHeads: numbers[3], width: numbers[4], isCausal: words[6] == "causal",
    scale: 1 / Double(numbers[4]).squareRoot(), element: element)
}

/// The kinds of a kernel's arrays, in order: q like queries, k like keys, l row statistics.
func arrays(_ order: DerivativeOrder) -> String {
  switch order {
  case .value: "qkkql"
  case .tangent: "qkkqlqkkql"
  case .adjoint: "qkkqlqqkk"
  case .adjointTangent: "qkkqlqqkkqlqqkk"
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
let shapes = input.split(separator: "\n").compactMap { shape($0, element) }
let kernels = shapes.enumerated().map { number, shape in
  emitAttention(shape, named: "k\(number)", for: target)
}
let helpers = try closure(
  of: kernels.flatMap(\.requiredHelpers), in: URL(filePath: arguments[3]))

print("#include <stdint.h>\ntypedef \(element == .f32 ? "float" : "double") real;")
print(helpers.joined(separator: "\n"))
for (number, kernel) in kernels.enumerated() {
  let count = arrays(shapes[number].order).count + 1
  let pointers = (0..<count).map { "p[\($0)]" }.joined(separator: ", ")
  print(kernel.text)
  print("static void run_k\(number)(real **p, int64_t begin, int64_t end) {")
  print("  k\(number)(\(pointers), begin, end);\n}\n")
}
print("#include \"attention_driver.h\"\nconst attention_case cases[] = {")
for (number, (shape, kernel)) in zip(shapes, kernels).enumerated() {
  let sizes = [shape.batch, shape.queries, shape.heads, shape.keyHeads, shape.width]
  let title = "\(shape.order.rawValue)\(shape.isCausal ? ", causal" : "")"
  print("  {\"\(title)\", run_k\(number), \"\(arrays(shape.order))\",")
  print("   {\(sizes.map { "\($0)" }.joined(separator: ", "))}, \(kernel.splitCount),")
  print("   \(kernel.scratchBytesPerWorker), \(shape.flops)},")
}
print("};\nconst int case_count = \(shapes.count);")
