// SPDX-License-Identifier: Apache-2.0
//
// What must hold in a problem that a file gave: what elaboration guarantees of a spec's. Later stages
// trust it, so it is checked where the file is read, and every fault is the file's.

extension MetaProblem {
  /// The four graphs, by the names that they have in text.
  enum Part: String, CaseIterable {
    case innerLoss = "inner_loss"
    case initialState = "initial_state"
    case update
    case outerLoss = "outer_loss"

    var path: WritableKeyPath<MetaProblem, Graph> {
      switch self {
      case .innerLoss: \.innerLoss
      case .initialState: \.initialState
      case .update: \.update
      case .outerLoss: \.outerLoss
      }
    }
  }

  /// What is wrong with a header, and the array that this is about.
  struct HeaderFault {
    var message: String
    /// Empty if there is no such array.
    var name = ""
  }

  /// What is wrong with the header, or nil.
  var headerFault: HeaderFault? {
    if theta.isEmpty {
      return HeaderFault(message: "a problem has parameters, but there is no line 'theta'")
    }
    if meta.isEmpty {
      return HeaderFault(message: "a problem has meta parameters, but there is no line 'meta'")
    }
    return typeFault ?? sharingFault ?? repetition ?? initialFault
  }

  private var typeFault: HeaderFault? {
    let groups = [
      (theta + meta, "parameters", [dtype]), (state, "states", [dtype]),
      ((innerData + outerData).map(\.leaf), "data", [dtype, .i32]),
    ]
    for (leaves, what, types) in groups {
      for leaf in leaves where !types.contains(leaf.type.dtype) {
        let expected = types.map(\.rawValue).joined(separator: " or ")
        return HeaderFault(
          message: "\(leaf.name) is \(leaf.type), but \(what) are \(expected)", name: leaf.name)
      }
    }
    return nil
  }

  private var sharingFault: HeaderFault? {
    for data in outerData where data.isStreamed {
      return HeaderFault(
        message: "\(data.leaf.name) is outer data, which are not streamed over inner steps",
        name: data.leaf.name)
    }
    for data in innerData + outerData where data.isBatched && tasks == nil {
      return HeaderFault(
        message: "\(data.leaf.name) is batched, but the problem has no tasks", name: data.leaf.name)
    }
    return nil
  }

  /// A name that stands for two arrays, or nil.
  private var repetition: HeaderFault? {
    let groups = [
      (theta + meta + state + (innerData + outerData).map(\.leaf)).map(\.name), gradientNames,
      dims.map(\.name),
    ]
    for names in groups {
      var known: Set<String> = []
      for name in names where !known.insert(name).inserted {
        return HeaderFault(message: "there are two of \(name)", name: name)
      }
    }
    return nil
  }

  private var initialFault: HeaderFault? {
    guard case .meta(let first) = initialParameters else { return nil }
    guard first <= meta.count - theta.count else {
      return HeaderFault(
        message: "theta has \(theta.count) leaves from meta leaf \(first) on, but there are "
          + "\(meta.count) meta leaves", name: theta[0].name)
    }
    for (leaf, start) in zip(theta, meta[first...]) where leaf.type != start.type {
      return HeaderFault(
        message: "\(start.name) is \(start.type), but it is the start of \(leaf.name): "
          + "\(leaf.type)", name: start.name)
    }
    return nil
  }

  /// Why a graph, sound in itself, is not the part of the problem that it is to be; nil if it is.
  func fault(of graph: Graph, as part: Part) -> String? {
    let scalar = TensorType.scalar(dtype)
    let step: [(String?, TensorType)] = [(nil, .scalar(.i32))]
    let arguments = named(theta + meta)
    switch part {
    case .innerLoss:
      let inputs = arguments + named(innerData.map(\.leaf)) + (readsStep ? step : [])
      return graph.surfaceFault(inputs: inputs, outputs: [scalar])
    case .initialState:
      return graph.surfaceFault(inputs: arguments, outputs: state.map(\.type))
    case .update:
      let gradients = theta.map { (String?.none, $0.type) }
      return graph.surfaceFault(
        inputs: gradients + named(theta + state + meta) + step,
        outputs: (theta + state).map(\.type))
    case .outerLoss:
      let losses: [(String?, TensorType)] = [(nil, TensorType([steps], dtype))]
      let trajectory = theta.map {
        (String?.none, TensorType([steps] + $0.type.shape, $0.type.dtype))
      }
      return graph.surfaceFault(
        inputs: arguments + losses + named(outerData.map(\.leaf))
          + (readsTrajectory ? trajectory : []),
        outputs: [scalar])
    }
  }

  private func named(_ leaves: [Leaf]) -> [(String?, TensorType)] {
    leaves.map { ($0.name, $0.type) }
  }

  /// The same problem in another float type, as its front end would have written it.
  mutating func rewrite(to dtype: DType) {
    let old = self.dtype
    func rewrite(_ leaves: inout [Leaf]) {
      for index in leaves.indices { leaves[index].type.rewrite(old, to: dtype) }
    }
    self.dtype = dtype
    rewrite(&theta)
    rewrite(&meta)
    rewrite(&state)
    for index in innerData.indices { innerData[index].leaf.type.rewrite(old, to: dtype) }
    for index in outerData.indices { outerData[index].leaf.type.rewrite(old, to: dtype) }
    for part in Part.allCases { self[keyPath: part.path].rewrite(old, to: dtype) }
  }
}

extension TensorType {
  fileprivate mutating func rewrite(_ old: DType, to dtype: DType) {
    if self.dtype == old { self.dtype = dtype }
  }

  /// Whether sizes are positive, and not beyond counting.
  var isReasonable: Bool {
    shape.allSatisfy { $0 >= 1 } && elementCount <= Graph.largestElementCount
  }
}

extension Graph {
  fileprivate mutating func rewrite(_ old: DType, to dtype: DType) {
    for index in types.indices { types[index].rewrite(old, to: dtype) }
    for index in nodes.indices {
      switch nodes[index].op {
      case .convert(old): nodes[index].op = .convert(dtype)
      case .constant(let value, var type):
        type.rewrite(old, to: dtype)
        nodes[index].op = .constant(value, type)
      case .loop(var loop):
        loop.body.rewrite(old, to: dtype)
        nodes[index].op = .loop(loop)
      case .gradient(var gradient):
        gradient.function.rewrite(old, to: dtype)
        nodes[index].op = .gradient(gradient)
      case .jvp(var jvp):
        jvp.function.rewrite(old, to: dtype)
        nodes[index].op = .jvp(jvp)
      default: break  // No other op names a type.
      }
    }
  }

  /// The first difference between the surface that the header asks for and this one. An input without
  /// a name may have any.
  fileprivate func surfaceFault(
    inputs expected: [(name: String?, type: TensorType)], outputs: [TensorType]
  ) -> String? {
    guard inputs.count == expected.count else {
      return "\(name) has \(inputs.count) inputs, but the header asks for \(expected.count)"
    }
    for (index, input) in expected.enumerated() {
      if let wanted = input.name, wanted != inputNames[index] {
        return "input \(index) of \(name) is \(quoted(inputNames[index])), expected "
          + quoted(wanted)
      }
      guard inputTypes[index] == input.type else {
        return "input \(quoted(inputNames[index])) of \(name) is \(inputTypes[index]), expected "
          + "\(input.type)"
      }
    }
    guard outputTypes == outputs else {
      let found = outputTypes.map(\.description).joined(separator: ", ")
      let wanted = outputs.map(\.description).joined(separator: ", ")
      return "\(name) gives (\(found)), expected (\(wanted))"
    }
    return nil
  }

  /// An array of a size that typing rules could not count with, or nil.
  var sizeFault: String? {
    if let type = types.first(where: { !$0.isReasonable }) {
      return "\(name) has an array \(type): sizes count from 1, and elements to "
        + "\(Graph.largestElementCount)"
    }
    return nodes.lazy.flatMap(\.op.regions).compactMap(\.sizeFault).first
  }

  /// A name or a place that would not survive being printed in generated code, or nil.
  var textFault: String? {
    let surface = inputNames + outputNames
    if let bad = surface.first(where: { !$0.isWordLike }) {
      return "\(name) has an input or an output \(quoted(bad)); names are letters, digits, _ and ."
    }
    for node in nodes {
      let provenance = node.provenance
      guard (provenance.name + provenance.function).isWordLike else {
        return "\(name) has a value \(quoted(provenance.name)) of \(quoted(provenance.function)); "
          + "names are letters, digits, _ and ."
      }
      var texts = [provenance.location] + provenance.rules
      if case .checkPositions(let bound) = node.op { texts += [bound.subject, bound.purpose] }
      if case .loop(let loop) = node.op { texts.append(loop.role.description) }
      if texts.contains(where: { !$0.isPlain }) {
        return "\(name) has a text with control characters or a backslash"
      }
      if let fault = node.op.regions.lazy.compactMap(\.textFault).first { return fault }
    }
    return nil
  }
}

extension String {
  /// Whether the text is one line and cannot continue a comment of C on the next.
  var isPlain: Bool {
    unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f && $0 != "\\" }
      && utf8.count <= 4096
  }
  /// Whether the text can be a part of a name in generated code.
  fileprivate var isWordLike: Bool {
    utf8.count <= 1024
      && utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
          true
        default: false
        }
      }
  }
}
