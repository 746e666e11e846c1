import { projectIdFromBytes } from "@cloister/base";
import { orgScope } from "../state/scope.ts";
import {
  type BodyOf,
  type Judgement,
  requireOwnerOver,
  type StatementContext,
  signingDevice,
} from "./judgement.ts";

export function judgeProjectCreated(
  context: StatementContext,
  body: BodyOf<"projectCreated">,
): Judgement {
  const project = projectIdFromBytes(body.projectId);
  const { name } = body;
  const signer = signingDevice(context);
  return {
    signers: [[signer.certificate.statementKey]],
    version: context.state.projects.has(project) ? 1 : 0,
    onlyVersion: 0,
    check: () => {
      requireOwnerOver(context, signer, orgScope);
      const createdAt = context.position;
      return (facts) => facts.projects.set(project, { project, name, createdAt });
    },
  };
}
