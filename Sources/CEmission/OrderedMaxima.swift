// SPDX-License-Identifier: Apache-2.0
//
// Maxima over long rows, kept as integers that order as the floats do: compilers put those into
// vector lanes, which is several times as fast as one float after the other. `mf_ordered_f32.h` says
// why they cannot do it with floats.

import Scheduling
import TensorIR

/// The accumulators of a kernel that are kept as ordered integers.
struct OrderedMaxima {
  /// Iterations below which nothing is gained.
  private static let leastIterations = 16
  private let types: [Int: DType]

  init(in kernel: FusedKernel) {
    // Short rows are done in lanes of their own.
    guard kernel.lanes == nil else {
      types = [:]
      return
    }
    let found = Self.maxima(in: kernel.statements, iterations: 1)
    types = Dictionary(
      found.compactMap { scalar in
        let type = kernel.scalars[scalar]
        return type.isFloat ? (scalar, type) : nil
      }, uniquingKeysWith: { first, _ in first })
  }

  private static func maxima(in statements: [Statement], iterations: Int) -> [Int] {
    statements.flatMap { statement -> [Int] in
      switch statement {
      case .loop(_, let extent, let body): return maxima(in: body, iterations: extent)
      case .blocks(_, _, _, let body): return maxima(in: body, iterations: iterations)
      case .accumulate(let scalar, .maximum, _):
        return iterations >= leastIterations ? [scalar] : []
      case .define, .store, .storeLocal, .accumulator, .accumulate, .accumulateInMemory: return []
      }
    }
  }

  func contains(_ scalar: Int) -> Bool { types[scalar] != nil }

  /// Helpers that the texts below call.
  var requiredHelpers: Set<String> { Set(types.values.map { "mf_ordered_\($0.rawValue)" }) }

  /// Declares the integer of an accumulator.
  func declaration(_ scalar: Int, _ name: String, initial: Double) -> String {
    guard let type = types[scalar] else { return "" }
    return "\(integer(type)) \(name)_order = mf_ordered_\(type.rawValue)(\(type.literal(initial)));"
  }

  /// Takes one more value into account.
  func accumulation(into scalar: Int, _ name: String, value: String, to writer: inout CWriter) {
    guard let type = types[scalar] else { return }
    let (order, new) = ("\(name)_order", "\(name)_new")
    writer.line("const \(integer(type)) \(new) = mf_ordered_\(type.rawValue)(\(value));")
    writer.line("\(order) = \(order) > \(new) ? \(order) : \(new);")
  }

  /// Defines the accumulator's scalar, once all values are in.
  func result(_ scalar: Int, _ name: String) -> String {
    guard let type = types[scalar] else { return "" }
    return "const \(type.cName) \(name) = mf_unordered_\(type.rawValue)(\(name)_order);"
  }

  private func integer(_ type: DType) -> String { type == .f64 ? "int64_t" : "int32_t" }
}
