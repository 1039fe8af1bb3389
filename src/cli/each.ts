/** The same question about each of many images, several at once. */
import type { AnswerRecord } from "../run/answer.ts";
import type { ChatPart } from "../run/chat.ts";

/** Asks about image after image, as many at once as `batch`, and tells the records in the images' order. Throws what an image, an answer or `tell` throws. */
export async function askEach(
  images: AsyncGenerator<ChatPart>,
  ask: (image: ChatPart) => Promise<AnswerRecord>,
  batch: number,
  tell: (record: AnswerRecord) => Promise<void>,
): Promise<void> {
  const ready = new Map<number, AnswerRecord>();
  let [asked, told] = [0, 0];
  let telling: Promise<void> = Promise.resolve();
  const tellReady = async (): Promise<void> => {
    for (let record = ready.get(told); record; record = ready.get(told)) {
      ready.delete(told++);
      await tell(record);
    }
  };
  const asking = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await images.next();
      if (done) return;
      const place = asked++;
      ready.set(place, await ask(value));
      telling = telling.then(tellReady);
      await telling;
    }
  };
  await Promise.all(Array.from({ length: batch }, asking));
}
