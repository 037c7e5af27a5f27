/** LangChain.js with Python tools; the model is scripted, so that no key is needed. Run: `npx tsx` and this file. */
import { AIMessage, type BaseMessage, HumanMessage } from "@langchain/core/messages";
import { fakeModel } from "@langchain/core/testing";
import { PyRunner } from "pyrunner";
import { pythonTools } from "pyrunner/langchain";
import { answer, QUESTION, registerWordCount, TRIES } from "./word-count.mjs";

await using runner = new PyRunner();
await registerWordCount(runner);

const tools = await pythonTools(runner);
const byName = new Map(tools.map((tool) => [tool.name, tool]));

const script = fakeModel();
for (const [index, args] of TRIES.entries()) {
  script.respondWithTools([{ name: "word_count", args, id: `call-${index}` }]);
}
script.respond((messages: BaseMessage[]) => new AIMessage(answer(messages.at(-1)?.content)));
const model = script.bindTools(tools);

// An agent's loop, which `createAgent` of the package `langchain` has ready.
const messages: BaseMessage[] = [new HumanMessage(QUESTION)];
for (;;) {
  const reply = await model.invoke(messages);
  messages.push(reply);
  if (!reply.tool_calls?.length) break;
  for (const call of reply.tool_calls) {
    const message = await byName.get(call.name)?.invoke({ ...call, type: "tool_call" });
    if (message?.status === "error") console.log(`The tool refused: ${message.content}`);
    messages.push(message);
  }
}
console.log(messages.at(-1)?.content);
