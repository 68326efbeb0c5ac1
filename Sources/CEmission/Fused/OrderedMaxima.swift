// SPDX-License-Identifier: Apache-2.0
//
// Writes the maxima that are kept as integers (`FusedKernel.orderedMaxima`).

import Kernels
import TensorIR

/// The accumulators of a kernel that are kept as ordered integers.
struct OrderedMaxima {
  private let types: [Int: DType]

  init(in kernel: FusedKernel) {
    types = Dictionary(
      uniqueKeysWithValues: kernel.orderedMaxima.map { ($0, kernel.scalars[$0]) })
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
