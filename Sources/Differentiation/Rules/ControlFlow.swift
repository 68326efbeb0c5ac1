// SPDX-License-Identifier: Apache-2.0
//
// Rules of the ops with regions. A loop's derivative is a loop (`LoopJVP.swift`, `LoopVJP.swift`).
// A gradient's derivative is where the two derivations of the meta-gradient part ways
// (`GradientDerivatives.swift`). A JVP is a short name of the program that it stands for.

import TensorIR

/// The rule of `loop`.
func loopRule(_ loop: Loop) -> DerivativeRule {
  let loop = loop.withoutLimit
  return .structured(
    StructuredRule(
      jvp: { scope, tangents in
        let combined = try LoopJVP(
          loop, hasTangent: tangents.map { $0 != nil }, differentiator: scope.differentiator)
        return combined.emit(
          operands: scope.operands, tangents: tangents, builder: scope.builder)
      },
      vjp: { scope, flow in
        let (builder, operands) = (scope.builder, scope.operands)
        let loops = try LoopVJP(loop, flow: flow, differentiator: scope.differentiator)
        let results = builder.append(.loop(loops.forward), operands)
        let pullback: StructuredRule.Pullback = { adjoints in
          loops.emitBackward(
            operands: operands, forwardResults: results, adjoints: adjoints, builder: builder)
        }
        return (Array(results.prefix(loop.body.outputs.count)), pullback)
      }))
}

/// The rule of `gradient`.
func gradientRule(_ gradient: GradientOp) -> DerivativeRule {
  .structured(
    StructuredRule(
      jvp: { scope, tangents in
        let (outputs, outputTangents) = try scope.differentiator.appendJVP(
          scope.differentiator.expandGradient(gradient), arguments: scope.operands,
          tangents: tangents, into: scope.builder)
        return (outputs, outputTangents)
      },
      vjp: { scope, flow in
        let activity = Activity(rule: scope.differentiator.rule)
        let isRead = activity.usefulInputs(of: gradient.function)
        let vjp = try GradientVJP(
          gradient, scope, neededOperands: zip(flow.neededOperands, isRead).map { $0 && $1 })
        return (vjp.results, vjp.emit)
      }))
}

/// The rule of `jvp`: that of the program that it stands for.
func jvpRule(_ jvp: JVPOp) -> DerivativeRule {
  .structured(
    StructuredRule(
      jvp: { scope, tangents in
        let (outputs, outputTangents) = try scope.differentiator.appendJVP(
          scope.differentiator.expandJVP(jvp), arguments: scope.operands, tangents: tangents,
          into: scope.builder)
        return (outputs, outputTangents)
      },
      vjp: { scope, flow in
        var sweep = ReverseSweep(
          try scope.differentiator.expandJVP(jvp), differentiator: scope.differentiator,
          builder: scope.builder, neededInputs: flow.neededOperands,
          usefulOutputs: flow.usefulResults)
        let results = try sweep.runForward(arguments: scope.operands)
        let forward = sweep
        let pullback: StructuredRule.Pullback = { adjoints in
          var backward = forward
          return try backward.runBackward(outputAdjoints: adjoints)
        }
        return (results, pullback)
      }))
}
