// SPDX-License-Identifier: Apache-2.0
//
// Where parameters start: at a value from the command line, else at an array of the data file, else
// where the spec's initialiser draws them.

import MixFuseRuntime

enum InitialParameters {
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
        let filling = Manifest.Initializer(kind: "constant", parameters: [value])
        var filled = parameter
        filled.initializer = filling
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
    }
    return result
  }
}

extension NDArray {
  /// The first infinite or undefined value of a floating-point array, or nil.
  ///
  /// - Cost: one pass over the array.
  var firstNonFinite: Double? {
    switch elementType {
    case .float32: first(Float.self)
    case .float64: first(Double.self)
    case .bool, .float16, .int32, .int64, .uint8: nil
    }
  }

  private func first<Element: ArrayElement & BinaryFloatingPoint>(
    _ type: Element.Type
  ) -> Double? {
    withUnsafeBytes { bytes in
      bytes.bindMemory(to: type).first { !$0.isFinite }.map { Double($0) }
    }
  }
}
