// SPDX-License-Identifier: Apache-2.0
//
// Facts about a problem that the manifest and the reports state.

import CEmission
import Differentiation
import MixFuseShared
import Scheduling
import TensorIR
import Toolchain

extension MetaProblem {
  /// How to draw every array that an entry point may ask for, by name.
  var initializers: [String: Initializer] {
    var result: [String: Initializer] = [:]
    let data = (innerData + outerData).map(\.leaf)
    for leaf in theta + meta + data { result[leaf.name] = leaf.initializer }
    for leaf in state { result[leaf.name] = .zeros }
    for leaf in theta {
      result[directionName(of: leaf)] = .normal(mean: 0, deviation: 1)
    }
    result[stepName] = .ones
    result[innerLossesName] = .ones
    for leaf in trajectory { result[leaf.name] = leaf.initializer }
    return result
  }

  /// The arithmetic that a perfect implementation of an entry point could not avoid, in
  /// floating-point operations: in units of one forward pass of the inner loss's matrix
  /// products: 1 for a loss, 3 for a gradient (a product's adjoint is two products), 8 more for the
  /// tangent of that gradient, which together are a Hessian-vector product with its gradient. The
  /// meta-gradient makes both at each of T steps, and the gradient of the outer loss: `11 T + 3`.
  /// What is recomputed does not count.
  func usefulFlops(of entry: String) -> Int {
    let unit = innerLoss.contractionFlops
    switch EntryPoint(rawValue: entry) {
    case .metaGradient:
      return (11 * steps + 3).saturatingProduct(unit).saturatingProduct(tasks ?? 1)
    case .innerGradient, .innerStep: return unit.saturatingProduct(3)
    case .innerLoss: return unit
    case .hessianVectorProduct: return unit.saturatingProduct(11)
    case .outerLossGradient: return outerLoss.contractionFlops.saturatingProduct(3)
    case nil: return 0
    }
  }
}

extension Graph {
  /// Floating-point operations in the matrix products of the graph, loops multiplied out; of causal
  /// attention only the half that counts.
  var contractionFlops: Int { cost.products.saturatingProduct(2) }
}

extension Manifest.EntryPoint {
  /// The description with names and types as libclang read them from the C.
  ///
  /// - Throws: `GeneratedCodeMismatch` if the C is not what was meant to be written.
  func confirmed(by interface: CInterface) throws -> Self {
    guard interface.function(named: symbol)?.isDefined == true else {
      throw GeneratedCodeMismatch(symbol: symbol, expected: "a definition", found: "none")
    }
    var result = self
    result.inputs = try confirm(inputs, "\(symbol)_inputs", interface, isConstant: true)
    result.outputs = try confirm(outputs, "\(symbol)_outputs", interface, isConstant: false)
    return result
  }

  private func confirm(
    _ arrays: [Manifest.ArrayDescription], _ name: String, _ interface: CInterface,
    isConstant: Bool
  ) throws -> [Manifest.ArrayDescription] {
    let fields = interface.structure(named: name)?.fields ?? []
    guard fields.count == arrays.count else {
      throw GeneratedCodeMismatch(
        symbol: name, expected: "\(arrays.count) fields", found: "\(fields.count)")
    }
    return try zip(arrays, fields).map { array, field in
      guard case .pointer(let element, isConstant) = field.type,
        let elementType = elementTypes[element], elementType == array.elementType
      else {
        throw GeneratedCodeMismatch(
          symbol: "\(name).\(field.name)", expected: "a pointer to \(array.elementType)",
          found: "\(field.type)")
      }
      var confirmed = array
      confirmed.cName = field.name
      confirmed.elementType = elementType
      return confirmed
    }
  }

  private var elementTypes: [CType: ElementType] {
    [
      .floating(bits: 32): .float32, .floating(bits: 64): .float64,
      .integer(bits: 32, isSigned: true): .int32, .integer(bits: 8, isSigned: false): .bool,
    ]
  }
}

/// The generated C declares something else than the generator meant: a compiler bug.
struct GeneratedCodeMismatch: Error, CustomStringConvertible {
  var symbol: String
  var expected: String
  var found: String

  var description: String { "generated \(symbol): expected \(expected), found \(found)" }
}
