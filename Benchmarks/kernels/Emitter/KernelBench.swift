// SPDX-License-Identifier: Apache-2.0
//
// Writes the C that the scripts beside this folder measure.
//
//     mixfuse-kernel-bench contractions|attention ELEMENT VECTOR-BYTES    cases on standard input
//     mixfuse-kernel-bench nests ELEMENT VECTOR-BYTES FOLDER
//
// ELEMENT is f32 or f64. Kernels are planned for a machine with vectors of that many bytes and a
// second-level cache of 1 MiB.

import CEmission
import Foundation
import Kernels
import TensorIR

@main
enum KernelBench {
  static func main() throws {
    let words = Array(CommandLine.arguments.dropFirst())
    guard words.count >= 3, let element = ContractionElement(rawValue: words[1]),
      let vectorBytes = Int(words[2])
    else { return fail() }
    let machine = Machine(vectorBytes: vectorBytes, secondCacheBytes: 1 << 20)
    switch (words[0], words.count) {
    case ("contractions", 3): writeContractions(input(), element, on: machine)
    case ("attention", 3): writeAttention(input(), element, on: machine)
    case ("nests", 4):
      try writeNests(element == .f64 ? .f64 : .f32, on: machine, into: URL(filePath: words[3]))
    default: fail()
    }
  }

  /// The lines of standard input.
  private static func input() -> [Substring] {
    String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
      .split(separator: "\n")
  }

  private static func fail() {
    let usage = "usage: mixfuse-kernel-bench contractions|attention|nests ELEMENT VECTOR-BYTES"
    FileHandle.standardError.write(Data("\(usage) [FOLDER]\n".utf8))
    exit(1)
  }
}

/// Writes what stands above the kernels.
func writeHead(helpers: [String], _ element: ContractionElement) {
  print("#include <stdint.h>\ntypedef \(element == .f32 ? "float" : "double") real;")
  print(
    RuntimeHelpers.closure(of: Set(helpers)).map(RuntimeHelpers.text(of:))
      .joined(separator: "\n"))
}
