// SPDX-License-Identifier: Apache-2.0
//
// Derivatives of limited loops: those of an equal loop of fixed trip count. Limited loops are made
// by VJPs (`LoopReplay.swift`), so only derivatives of derivatives come here; they pay for the
// iterations past the limit, whose results are not used.

import TensorIR

extension Loop {
  /// The loop with the limit as an ordinary invariant: iterations past it leave the carries alone.
  ///
  /// - Cost: always `tripCount` iterations.
  var withoutLimit: Loop {
    guard isLimited else { return self }
    let builder = GraphBuilder(name: body.name)
    let inputs = zip(body.inputNames, body.inputTypes).map { builder.input($0, $1) }
    let isBelowLimit = builder.compare(.less, inputs[0], inputs[inputs.count - 1])
    for (carry, next) in builder.inline(body, inputs).enumerated() {
      let condition = builder.broadcast(scalar: isBelowLimit, to: builder.shape(of: next))
      builder.output(body.outputNames[carry], builder.select(condition, next, inputs[carry + 1]))
    }
    var loop = self
    loop.isLimited = false
    loop.body = builder.graph
    return loop
  }
}
