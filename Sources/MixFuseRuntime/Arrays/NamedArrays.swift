// SPDX-License-Identifier: Apache-2.0
//
// Arrays by name, in order: the contents of an .npz file, the inputs of a call, its outputs. Names
// are those of the spec, with a dot for nesting (`eta.w1`, `grad.block.wq`).

/// An ordered collection of arrays with unique names.
public struct NamedArrays: Sendable, Equatable {
  /// The names, in order.
  public private(set) var names: [String] = []
  private var arrays: [String: NDArray] = [:]

  /// An empty collection.
  public init() {}

  /// The array called `name`; setting a new name appends it, setting nil removes it.
  public subscript(name: String) -> NDArray? {
    get { arrays[name] }
    set {
      if arrays[name] == nil && newValue != nil {
        names.append(name)
      } else if newValue == nil {
        names.removeAll { $0 == name }
      }
      arrays[name] = newValue
    }
  }

  /// The array called `name`.
  ///
  /// - Errors: `arrayUnknown` with the nearest existing name.
  public func array(_ name: String) throws(RuntimeError) -> NDArray {
    guard let array = arrays[name] else {
      throw .arrayUnknown(name: name, within: "array", known: names)
    }
    return array
  }
}

extension NamedArrays: ExpressibleByDictionaryLiteral {
  /// The given arrays in the given order; of equal names the last counts.
  public init(dictionaryLiteral elements: (String, NDArray)...) {
    for (name, array) in elements {
      self[name] = array
    }
  }
}

extension NamedArrays: RandomAccessCollection {
  /// The position of the first array: 0.
  public var startIndex: Int { 0 }
  /// The number of arrays.
  public var endIndex: Int { names.count }

  /// The name and array at a position.
  public subscript(position: Int) -> (name: String, array: NDArray) {
    let name = names[position]
    guard let array = arrays[name] else {
      // `names` and `arrays` change together, in the setter above only.
      preconditionFailure("an array is listed but not stored: \(name)")
    }
    return (name, array)
  }
}
