/** How people call the fields of documents, and how they ask for them. */

/** What a field is called in the middle of a question. */
export const nouns: Record<string, string> = {
  total: "total",
  date: "date",
  time: "time",
  company: "company name",
  address: "address",
  phone: "phone number",
  number: "document number",
  cashier: "cashier",
  registration: "company registration number",
  taxNumber: "GST number",
  subtotal: "subtotal",
  net: "total without tax",
  discount: "discount",
  service: "service charge",
  tax: "tax",
  rounding: "rounding",
  cash: "cash amount",
  change: "change",
  quantity: "total quantity",
  customer: "customer",
  due: "due date",
  account: "account number",
  email: "email address",
  subject: "subject",
};

const ways = (text: string): readonly string[] => text.split("|").map((way) => way.trim());

/** Questions for a field; the first is the one that is asked most. */
export const wordings: Record<string, readonly string[]> = {
  total: ways(`What is the total?|What is the total?|What is the total?|How much is the total?|Total?|
    What is the total amount?|How much was paid in total?|How much was paid in all?|What is the grand total?|Grand total?|
    What is the amount due?|How much is it in total?|What does it come to?|How much did it cost?|Total amount?|
    What is the final amount?|How much do I have to pay?|What is the sum?`),
  date: ways(`What is the date?|What is the date?|What is the date?|When was this bought?|Date?|When was this issued?|
    What is the date on the receipt?|Date of purchase?|What is the date of purchase?|On what day was it?|When was it?|
    Which date is printed?`),
  time: ways(`What is the time?|At what time was it bought?|Time?|What time was it?`),
  company: ways(
    `What is the name of the company?|What is the company?|Company?|What is the company name?|Who issued this?`,
  ),
  address: ways(`What is the address?|What is the address of the company?|Address?|Where is the company?`),
  phone: ways(`What is the phone number?|Phone?|What is the telephone number?|Phone number?`),
  number: ways(`What is the document number?|What is the receipt number?|Receipt number?|What is the invoice number?|
    Invoice number?|What number does it have?`),
  cashier: ways(`Who was the cashier?|Cashier?|What is the name of the cashier?|Who served?`),
  registration: ways(`What is the company registration number?|Registration number?|What is the registration number?`),
  taxNumber: ways(`What is the GST number?|GST number?|What is the tax number?|What is the GST ID?`),
  subtotal: ways(`What is the subtotal?|Subtotal?|How much is the subtotal?`),
  net: ways(`What is the total without tax?|How much is it without tax?|What is the total excluding GST?`),
  discount: ways(`How much is the discount?|What is the discount?|Discount?`),
  service: ways(`What is the service charge?|How much is the service charge?`),
  tax: ways(`How much is the tax?|What is the tax?|Tax?|How much tax was paid?`),
  rounding: ways(`What is the rounding?|Rounding?|How much was it rounded?`),
  cash: ways(`How much cash was paid?|What is the cash amount?|Cash?|How much was handed over?`),
  change: ways(`How much change was given?|What is the change?|Change?`),
  quantity: ways(`What is the total quantity?|How many pieces were bought in all?`),
  customer: ways(`Who is the customer?|Who is billed?|Customer?`),
  due: ways(`What is the due date?|When is it due?|Due date?`),
  account: ways(`What is the account number?|Account number?`),
  email: ways(`What is the email address?|Email?`),
  subject: ways(`What is the subject?|What is the letter about?`),
};

/** Questions for the company that is a shop. */
export const shopWordings: readonly string[] = ways(
  `What shop is this?|Which shop is this from?|What is the name of the shop?|Where was this bought?|Shop?`,
);
