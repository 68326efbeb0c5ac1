// SPDX-License-Identifier: Apache-2.0
//
// The functions of a library, as its manifest describes them: their arrays, arenas and checks.

extension Manifest {
  /// One function of the library.
  public struct EntryPoint: Codable, Equatable, Sendable {
    /// The name a user calls it by, such as `meta_gradient`.
    public var name: String
    /// The symbol in the library.
    public var symbol: String
    /// Bytes of the arena that all workers share.
    public var arenaBytes: Int
    /// Bytes of the arena that each worker has to itself.
    public var arenaBytesPerWorker: Int
    /// Floating-point operations of one call.
    public var flops: Int
    /// The part of `flops` that any implementation of the same derivative has to do: no
    /// recomputation, causal pairs only.
    public var usefulFlops: Int
    /// The arrays a call takes, in the order of the call.
    public var inputs: [ArrayDescription]
    /// The arrays a call gives, in the order of the call.
    public var outputs: [ArrayDescription]
    /// What is checked of positions and labels, by the number that a refused call leaves at the
    /// start of its arena; nil if nothing is.
    public var checks: [PositionCheck]?

    enum CodingKeys: String, CodingKey {
      case name, symbol, checks
      case arenaBytes = "arena_bytes"
      case arenaBytesPerWorker = "arena_bytes_per_worker"
      case flops
      case usefulFlops = "useful_flops"
      case inputs, outputs
    }

    /// Describes a function; one that checks nothing has no list of checks.
    package init(
      name: String, symbol: String, arenaBytes: Int, arenaBytesPerWorker: Int, flops: Int,
      usefulFlops: Int, inputs: [ArrayDescription], outputs: [ArrayDescription],
      checks: [PositionCheck]
    ) {
      self.name = name
      self.symbol = symbol
      self.arenaBytes = arenaBytes
      self.arenaBytesPerWorker = arenaBytesPerWorker
      self.flops = flops
      self.usefulFlops = usefulFlops
      self.inputs = inputs
      self.outputs = outputs
      self.checks = checks.isEmpty ? nil : checks
    }

    /// The size of the arena for a number of workers, in bytes, or nil if it cannot be addressed.
    public func arenaBytes(workers: Int) -> Int? {
      let (perWorker, overflow) = arenaBytesPerWorker.multipliedReportingOverflow(by: workers)
      let (total, totalOverflow) = arenaBytes.addingReportingOverflow(perWorker)
      return overflow || totalOverflow ? nil : total
    }
  }

  /// One input or output of an entry point.
  public struct ArrayDescription: Codable, Equatable, Sendable {
    /// The name in the spec, with a dot for nesting, such as `eta.w1`.
    public var name: String
    /// The name of the field in the C structure, such as `eta_w1`.
    public var cName: String
    /// The type of the elements.
    public var elementType: ElementType
    /// The size of each dimension.
    public var shape: [Int]
    /// How to draw a value when the user gives none.
    public var initializer: Initializer?
    /// The least and the greatest that an element may be, if the entry point checks it; nil if
    /// nothing is demanded.
    public var range: [Int]?

    enum CodingKeys: String, CodingKey {
      case name, range
      case cName = "c_name"
      case elementType = "dtype"
      case shape, initializer
    }

    /// Describes an array.
    public init(
      name: String, cName: String, elementType: ElementType, shape: [Int],
      initializer: Initializer? = nil, range: ClosedRange<Int>? = nil
    ) {
      self.name = name
      self.cName = cName
      self.elementType = elementType
      self.shape = shape
      self.initializer = initializer
      self.range = range.map { [$0.lowerBound, $0.upperBound] }
    }

    /// The element type and shape, as messages show them: `f32 [25, 10, 1]`.
    public var typeDescription: String { "\(elementType) \(shape)" }
  }

  /// A check of the elements of an array of whole numbers, which a call makes before it uses them.
  public struct PositionCheck: Codable, Equatable, Sendable {
    /// An input's name, or an expression of the spec.
    public var subject: String
    /// What the elements are, such as `a position of eta`.
    public var purpose: String
    /// The place in the spec that asks for it; empty if none is known.
    public var location: String
    /// The least and the greatest that an element may be.
    public var range: [Int]
    /// The shape of the array.
    public var shape: [Int]

    /// Describes a check.
    package init(
      subject: String, purpose: String, location: String, range: ClosedRange<Int>, shape: [Int]
    ) {
      self.subject = subject
      self.purpose = purpose
      self.location = location
      self.range = [range.lowerBound, range.upperBound]
      self.shape = shape
    }

    /// What is wrong with one of the elements.
    ///
    /// - Parameters:
    ///   - position: the number of the element, in C order.
    ///   - value: what it is.
    public func fault(position: Int, value: Int) -> String {
      var rest = position
      var place: [Int] = []
      for size in shape.reversed() where size > 0 {
        place.insert(rest % size, at: 0)
        rest /= size
      }
      let element = place.isEmpty ? subject : "element \(place) of \(subject)"
      let bounds = range.map(String.init).joined(separator: " to ")
      let origin = location.isEmpty ? "" : "\(location): "
      return "\(origin)\(element) is \(value), expected \(purpose) from \(bounds)"
    }
  }
}
