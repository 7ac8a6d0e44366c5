await new Promise((resolve) => setTimeout(resolve, 100));
export default null;
