// SPDX-License-Identifier: Apache-2.0
//
// Where parameters start: at a value from the command line, else at an array of the data file, else
// where the spec's initialiser draws them.

import MixFuseRuntime

enum InitialParameters {
  /// Checks what a data file says about arrays that parameters are to start from.
  ///
  /// - Throws: `TrainingError.initialShape`; `RuntimeError` for a damaged file.
  static func check(_ parameters: [Manifest.ArrayDescription], in file: ArrayFileReader) throws {
    for parameter in parameters {
      if let found = try file.header(of: parameter.name), found.shape != parameter.shape {
        throw TrainingError.initialShape(
          name: parameter.name, expected: parameter.shape, found: found.shape)
      }
    }
  }

  /// The first values of all parameters, in their order.
  ///
  /// - Throws: `TrainingError.initialUnknown`, `.initialShape`; `RuntimeError.nanInInput`,
  ///   `.conversion`, `.initializer`.
  static func draw(
    _ parameters: [Manifest.ArrayDescription], seed: UInt64, _ file: NamedArrays,
    _ options: TrainingOptions
  ) throws -> NamedArrays {
    let names = parameters.map(\.name)
    for (name, _) in options.initialValues where !names.contains(name) {
      throw TrainingError.initialUnknown(name: name, known: names)
    }
    let sampler = InputSampler(seed: seed)
    var result = NamedArrays()
    for parameter in parameters {
      let name = parameter.name
      if let (_, value) = options.initialValues.last(where: { $0.name == name }) {
        var filled = parameter
        filled.initializer = .constant(value)
        result[name] = try sampler.draw(filled)
      } else if let array = file[name] {
        guard array.shape == parameter.shape else {
          throw TrainingError.initialShape(
            name: name, expected: parameter.shape, found: array.shape)
        }
        if let index = array.firstNaN { throw RuntimeError.nanInInput(name: name, index: index) }
        result[name] = try array.converted(to: parameter.elementType, name: name)
      } else {
        result[name] = try sampler.draw(parameter)
      }
      if let value = result[name]?.firstNonFinite {
        throw TrainingError.setting(
          name: "the start of \(name)",
          expected: "finite numbers in \(parameter.elementType.rawValue)", found: "\(value)")
      }
    }
    return result
  }
}

extension NDArray {
  /// The first infinite or undefined value of a floating-point array, or nil.
  ///
  /// - Cost: one pass over the array, without branches as long as all is well.
  var firstNonFinite: Double? {
    switch elementType {
    case .float32:
      withUnsafeBytes { bytes in
        let exponent = Float.infinity.bitPattern
        let bits = bytes.bindMemory(to: UInt32.self)
        var found: UInt32 = 0
        for word in bits { found |= word & exponent == exponent ? 1 : 0 }
        guard found != 0 else { return nil }
        return bytes.bindMemory(to: Float.self).first { !$0.isFinite }.map { Double($0) }
      }
    case .float64: withUnsafeBytes { bytes in bytes.bindMemory(to: Double.self).firstNonFinite }
    case .bool, .float16, .int32, .int64, .uint8: nil
    }
  }
}

extension [Double] {
  /// The first infinite or undefined value, or nil.
  var firstNonFinite: Double? { withUnsafeBufferPointer { $0.firstNonFinite } }
}

extension UnsafeBufferPointer<Double> {
  /// The first infinite or undefined value, or nil.
  fileprivate var firstNonFinite: Double? {
    let exponent = Double.infinity.bitPattern
    var found: UInt64 = 0
    for value in self { found |= value.bitPattern & exponent == exponent ? 1 : 0 }
    return found == 0 ? nil : first { !$0.isFinite }
  }
}
